#include "app/studio/quantize_dialog.h"

#include "app/studio/command_line.h"
#include "app/studio/machine_rates.h"
#include "app/studio/measured.h"
#include "app/studio/resources.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "app/studio/text_measure.h"
#include "core/base/error.h"
#include "core/pipeline/quantize_plan.h"
#include "core/pipeline/run_difference.h"
#include "core/recipe/text_needs.h"
#include "core/text/text_choice.h"
#include "widgets/colour_map.h"
#include "widgets/number_box.h"
#include "widgets/plain_labels.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QLabel>

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

/// Blocks are taken over where they saw the same text: as the run had it.
CalibrationSettings calibrationOf(const RunInfo& run, const CalibrationSettings& fallback)
{
    try {
        return Recipe::parse(run.recipeJson, run.id).calibration;
    } catch (const Error&) {   // of another version: the difference says so
        return fallback;
    }
}

} // namespace

QuantizeDialog::QuantizeDialog(const Document& document, JobRunner& jobs, const QString& lastText, const QString& branchFrom, QWidget* parent)
    : JobDialog(u"quantizeDialog"_s, tr("Quantize"),
                tr("Runs the recipe on %1 in the background, block by block. Each finished block is on disk at once: a run that is stopped "
                   "goes on where it was.").arg(plainText(document.name())),
                tr("&Quantize"), parent)
    , m_document(document)
{
    const RunInfo* branched = document.run(branchFrom);
    if (const RunInfo* run = branched ? branched : document.unfinishedRun())
        m_other = *run;
    const CalibrationSettings calibration = branched ? calibrationOf(*branched, document.recipe().calibration) : document.recipe().calibration;
    const int longest = static_cast<int>(std::clamp<std::int64_t>(document.model().config.maxPositions, 2, 1 << 20));
    m_text = new TextField(u"text"_s, resourceFile(u"text/sample.txt"_s), this);
    if (m_other && !m_other->inputs.text.empty())
        m_text->setFile(toQString(m_other->inputs.text));
    else if (!lastText.isEmpty())
        m_text->setFile(lastText);
    const auto box = [this](const QString& name, NumberBox::Steps steps, int low, int high, int value) {
        auto* spin = new NumberBox(steps, this);
        spin->setObjectName(name);
        spin->setRange(low, high);
        spin->setValue(value);
        connect(spin, &QSpinBox::valueChanged, this, &QuantizeDialog::refresh);
        return spin;
    };
    m_samples = box(u"samples"_s, NumberBox::Steps::Sixteens, 1, 100000, std::max(1, calibration.samples));
    m_length = box(u"length"_s, NumberBox::Steps::Doublings, 2, longest, std::min(calibration.length, longest));
    m_length->setSuffix(tr(" tokens"));
    m_seed = box(u"seed"_s, NumberBox::Steps::Ones, 0, std::numeric_limits<int>::max(), static_cast<int>(std::min<std::uint64_t>(calibration.seed, 0x7fffffff)));
    m_seed->setToolTip(tr("0 takes samples from the start of the text, another number draws them with that seed."));
    m_seed->setSpecialValueText(tr("0 (from the start)"));
    form()->addRow(tr("Calibration &text"), m_text);
    form()->addRow(tr("&Samples"), m_samples);
    form()->addRow(tr("Sample &length"), m_length);
    form()->addRow(tr("S&eed"), m_seed);
    m_differs = new QLabel(this);
    m_differs->setObjectName(u"difference"_s);
    m_differs->setTextFormat(Qt::PlainText);
    m_differs->setWordWrap(true);
    m_begin = new QComboBox(this);
    m_begin->setObjectName(u"begin"_s);
    m_begin->setAccessibleName(tr("How the run begins"));
    if (m_other) {
        form()->addRow(tr("Be&gin"), m_begin);
        body()->addWidget(m_differs);
    } else {
        m_begin->hide();
        m_differs->hide();
    }
    m_stop = new QCheckBox(tr("Stop &at the first flag: vanishing scales, saturation, drift on unseen tokens"), this);
    m_stop->setObjectName(u"stopAtFlags"_s);
    m_stop->setToolTip(tr("Without it flags are shown at their block and the run goes on. NaN and infinity always stop it. Drift: 128 tokens that no sample holds (the canary) go through both models, and after each block their values are compared."));
    body()->addWidget(m_stop);
    m_cost = new QLabel(this);
    m_cost->setObjectName(u"cost"_s);
    m_cost->setTextFormat(Qt::PlainText);
    m_cost->setWordWrap(true);
    body()->addWidget(m_cost);
    m_measure = new TextMeasure(document.model().path, jobs, *m_text, this);
    connect(m_measure, &TextMeasure::changed, this, &QuantizeDialog::refresh);
    offerCommand([this] { return quantizeCommand(m_document, request(), this->calibration()); });
    refresh();
}

QuantizeDialog::Begin QuantizeDialog::begin() const
{
    return m_other ? static_cast<Begin>(m_begin->currentData().toInt()) : Begin::Anew;
}

QuantizeRequest QuantizeDialog::request() const
{
    QuantizeRequest request;
    request.text = m_text->file();
    request.stopAtFlags = m_stop->isChecked();
    request.resume = request.refuseOther = begin() == Begin::GoOn;
    if (begin() == Begin::Branch)
        request.branchFrom = toQString(m_other->id);
    return request;
}

CalibrationSettings QuantizeDialog::calibration() const
{
    return {m_samples->value(), m_length->value(), static_cast<std::uint64_t>(m_seed->value())};
}

CalibrationSettings QuantizeDialog::planned() const
{
    CalibrationSettings settings = calibration();
    settings.samples = m_measure->windows(settings.samples, settings.length).value_or(settings.samples);
    return settings;
}

bool QuantizeDialog::needsText() const
{
    return !learnsFromText(m_document.plans()).empty();
}

/// In what the interrupted run differs from what this dialog asks for. What only the job sees (the model's files, the text's content) it refuses with
/// the same sentences.
RunDifference QuantizeDialog::difference() const
{
    Recipe wanted = m_document.recipe();
    wanted.calibration = calibration();
    RunInputs inputs = m_other->inputs;
    if (const std::string text = m_text->choice().absolute().line(); inputs.known() && text != inputs.text) {
        inputs.text = text;
        inputs.tokens.clear();
    }
    return differenceTo(*m_other, inputs, wanted, m_document.model());
}

void QuantizeDialog::refreshBegin()
{
    if (!m_other)
        return;
    const RunDifference differs = difference();
    QList<std::pair<QString, Begin>> choices;
    const QString run = runTitle(*m_other);
    const bool done = m_other->state == "done";
    if (!done && (differs.same() || !m_other->inputs.known()))
        choices.append({tr("go on with %1 at block %2").arg(run).arg(m_other->blocksDone), Begin::GoOn});
    else if (differs.shared > 0 && !differs.same())
        choices.append({differs.shared == 1 ? tr("take over the first block of %1").arg(run) : tr("take over the first %1 blocks of %2").arg(differs.shared).arg(run), Begin::Branch});
    choices.append({tr("anew"), Begin::Anew});
    bool same = m_begin->count() == choices.size();
    for (int i = 0; same && i < m_begin->count(); ++i)
        same = m_begin->itemText(i) == choices[i].first;
    if (!same) {   // else what the person chose stays
        const QSignalBlocker quiet(m_begin);
        m_begin->clear();
        for (const auto& [text, begin] : choices)
            m_begin->addItem(text, static_cast<int>(begin));
    }
    const QString stopped = done ? tr("%1 is done").arg(run) : tr("%1 was stopped after %2 of %3 blocks").arg(run).arg(m_other->blocksDone).arg(m_other->blocks);
    m_differs->setText(!differs.same() ? tr("%1. It differs: %2.").arg(stopped, toQString(differs.sentence()))
                       : done          ? tr("%1; recipe and text are the same: change the plans of some later blocks first.").arg(stopped)
                                       : tr("%1; recipe and text are the same.").arg(stopped));
}

void QuantizeDialog::refresh()
{
    refreshBegin();
    const SizeEstimate& size = m_document.size();
    const int linears = quantizedLinears(m_document);
    const CalibrationSettings settings = planned();
    const QuantizePlan plan = planQuantize(m_document.model(), m_document.plans(), settings, {}, m_document.project()->folder());
    const QString small = m_document.exportBytes() > m_document.model().bytes ? storedSmallText(m_document.model()) : QString();
    m_cost->setText(tr("%1 of %2 linears are quantized · %5 bits a weight\nAn export comes to about %3; the model's own file has %4.%10\n"
                       "Memory: about %6 at its peak · disk: about %7 in the project, %8 free\n%9")
                        .arg(linears).arg(m_document.plans().size())
                        .arg(formatBytes(m_document.exportBytes()), formatBytes(m_document.model().bytes), formatValue(size.bitsPerWeight, 3))
                        .arg(formatBytes(plan.peakMemory), formatBytes(plan.diskBytes()), formatBytes(plan.freeBytes),
                             tr("Time: %1").arg(MachineRates::text(quantizeKind(m_document.plans()), m_document.model(), quantizeWork(m_document.model(), m_document.plans(), settings))))
                        .arg(small.isEmpty() ? QString() : u' ' + small));
    const bool noText = m_text->file().isEmpty() && !needsText();
    QString problem = noText ? QString() : m_text->problem();
    if (problem.isEmpty() && !noText)
        problem = m_measure->problem(m_length->value());
    if (m_document.readOnly())
        problem = tr("The project is read-only: a run has no place to go.");
    else if (linears == 0 && !m_document.recipe().kvCache.quantized())
        problem = tr("The recipe leaves every linear as it is. Choose a preset, or set bits in Layers, first.");
    const int wanted = m_samples->value();
    const std::optional<TextLength>& measured = m_measure->length();
    QString note;
    if (noText)
        note = tr("No text: nothing in the recipe learns from one.");
    else if (measured && settings.samples < wanted)
        note = tr("%1 of %2 samples: the text is short (%3 tokens). %4 tokens calibrate the run.")
                   .arg(settings.samples).arg(wanted).arg(countText(measured->tokens), countText(std::int64_t(settings.samples) * settings.length));
    else
        note = tr("%1 tokens calibrate the run.").arg(countText(std::int64_t(settings.samples) * settings.length));
    if (!noText && !needsText())
        note = tr("This recipe needs no text: rounding to nearest learns from none. The text only measures output errors and the check on unseen tokens, and may be left empty.");
    if (measured)
        for (const std::string& said : measured->notes)
            note += u'\n' + toQString(said);
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
