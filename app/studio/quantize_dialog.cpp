#include "app/studio/quantize_dialog.h"

#include "app/studio/machine_rates.h"
#include "app/studio/resources.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "core/pipeline/quantize_plan.h"
#include "widgets/colour_map.h"

#include <QCheckBox>
#include <QFormLayout>
#include <QLabel>
#include <QSpinBox>

#include <algorithm>
#include <limits>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

int quantizedLinears(const Document& document)
{
    return static_cast<int>(std::count_if(document.plans().begin(), document.plans().end(), [](const ResolvedPlan& resolved) {
        return resolved.plan.weights.quantized() || resolved.plan.activations.quantized();
    }));
}

} // namespace

QuantizeDialog::QuantizeDialog(const Document& document, const QString& lastText, QWidget* parent)
    : JobDialog(u"quantizeDialog"_s, tr("Quantize"),
                tr("Runs the recipe on %1 in the background, block by block. Each finished block is on disk at once: a run that is stopped "
                   "goes on where it was.").arg(document.name()),
                tr("&Quantize"), parent)
    , m_document(document)
{
    const CalibrationSettings& calibration = document.recipe().calibration;
    const int longest = static_cast<int>(std::clamp<std::int64_t>(document.model().config.maxPositions, 2, 1 << 20));
    m_text = new TextField(u"text"_s, resourceFile(u"text/sample.txt"_s), this);
    if (!lastText.isEmpty())
        m_text->setFile(lastText);
    const auto box = [this](const QString& name, int low, int high, int value) {
        auto* spin = new QSpinBox(this);
        spin->setObjectName(name);
        spin->setRange(low, high);
        spin->setValue(value);
        connect(spin, &QSpinBox::valueChanged, this, &QuantizeDialog::refresh);
        return spin;
    };
    m_samples = box(u"samples"_s, 1, 100000, std::max(1, calibration.samples));
    m_length = box(u"length"_s, 2, longest, std::min(calibration.length, longest));
    m_length->setSuffix(tr(" tokens"));
    m_seed = box(u"seed"_s, 0, std::numeric_limits<int>::max(), static_cast<int>(std::min<std::uint64_t>(calibration.seed, 0x7fffffff)));
    m_seed->setToolTip(tr("0 takes samples from the start of the text, another number draws them with that seed."));
    m_seed->setSpecialValueText(tr("0 (from the start)"));
    form()->addRow(tr("Calibration &text"), m_text);
    form()->addRow(tr("&Samples"), m_samples);
    form()->addRow(tr("Sample &length"), m_length);
    form()->addRow(tr("S&eed"), m_seed);
    m_resume = new QCheckBox(this);
    m_resume->setObjectName(u"resume"_s);
    m_resume->setChecked(true);
    if (const RunInfo* run = document.unfinishedRun()) {
        m_resume->setText(tr("&Go on with %1, stopped after %2 of %3 blocks, if recipe and text are the same")
                              .arg(toQString(run->id)).arg(run->blocksDone).arg(run->blocks));
        body()->addWidget(m_resume);
    } else {
        m_resume->hide();
    }
    m_stop = new QCheckBox(tr("Stop &at the first flag: vanishing scales, saturation, drift of the canary"), this);
    m_stop->setObjectName(u"stopAtFlags"_s);
    m_stop->setToolTip(tr("Without it flags are shown at their block and the run goes on. NaN and infinity always stop it."));
    body()->addWidget(m_stop);
    m_cost = new QLabel(this);
    m_cost->setObjectName(u"cost"_s);
    m_cost->setTextFormat(Qt::PlainText);
    m_cost->setWordWrap(true);
    body()->addWidget(m_cost);
    connect(m_text, &TextField::changed, this, &QuantizeDialog::refresh);
    refresh();
}

QuantizeRequest QuantizeDialog::request() const
{
    return {m_text->file(), m_resume->isChecked(), m_stop->isChecked()};
}

CalibrationSettings QuantizeDialog::calibration() const
{
    return {m_samples->value(), m_length->value(), static_cast<std::uint64_t>(m_seed->value())};
}

void QuantizeDialog::refresh()
{
    const SizeEstimate& size = m_document.size();
    const int linears = quantizedLinears(m_document);
    const QuantizePlan plan = planQuantize(m_document.model(), m_document.plans(), calibration(), {}, m_document.project()->folder());
    m_cost->setText(tr("%1 of %2 linears are quantized · export %3, the file %4 · %5 bits a weight\n"
                       "Memory: about %6 at its peak · disk: about %7 in the project, %8 free\n%9")
                        .arg(linears).arg(m_document.plans().size())
                        .arg(formatBytes(m_document.exportBytes()), formatBytes(m_document.model().bytes), formatValue(size.bitsPerWeight, 3))
                        .arg(formatBytes(plan.peakMemory), formatBytes(plan.diskBytes()), formatBytes(plan.freeBytes),
                             tr("Time: %1").arg(MachineRates::text(quantizeKind(m_document.plans()), quantizeWork(m_document.model(), m_document.plans(), calibration())))));
    QString problem = m_text->problem();
    if (m_document.readOnly())
        problem = tr("The project is read-only: a run has no place to go.");
    else if (linears == 0 && !m_document.recipe().kvCache.quantized())
        problem = tr("The recipe leaves every linear as it is. Choose a preset, or set bits in Layers, first.");
    QString note = tr("%1 tokens calibrate the run.").arg(countText(std::int64_t(m_samples->value()) * m_length->value()));
    if (m_document.packing().packing == Packing::DenseOnly)
        note += u'\n' + tr("Dense only: no packed format can hold this recipe, so an export is as large as the float model. %1").arg(toQString(m_document.packing().why));
    for (const std::string& warning : plan.warnings())
        note += u'\n' + toQString(warning);
    if (m_document.recipe().kvCache.quantized())
        note += u'\n' + kvCacheSentence(m_document.recipe().kvCache);
    if (m_document.model().coarseGrid)
        note += u' ' + tr("The model's own weights already lie on a coarse grid: results look better than they would from a float model.");
    setNote(note, problem);
}

} // namespace halftone
