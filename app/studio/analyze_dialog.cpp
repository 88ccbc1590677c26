#include "app/studio/analyze_dialog.h"

#include "app/studio/machine_rates.h"
#include "app/studio/resources.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "app/studio/text_measure.h"
#include "core/pipeline/memory_plan.h"
#include "widgets/colour_map.h"
#include "widgets/number_box.h"
#include "widgets/plain_labels.h"

#include <QFormLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

AnalyzeDialog::AnalyzeDialog(const Document& document, JobRunner& jobs, const AnalyzeRequest& last, QWidget* parent)
    : JobDialog(u"analyzeDialog"_s, tr("Analyze"),
                tr("Runs the text through %1 once, block by block, and measures every activation that feeds a linear: channel ranges, "
                   "outliers, and the share of elements that each activation grid rounds to zero.").arg(plainText(document.name())),
                tr("&Analyze"), parent)
    , m_document(document)
{
    const int longest = static_cast<int>(std::clamp<std::int64_t>(document.model().config.maxPositions, 2, 1 << 20));
    m_text = new TextField(u"text"_s, resourceFile(u"text/sample.txt"_s), this);
    if (!last.text.isEmpty())
        m_text->setFile(last.text);
    m_windows = new NumberBox(NumberBox::Steps::Sixteens, this);
    m_windows->setObjectName(u"windows"_s);
    m_windows->setRange(0, 100000);
    m_windows->setSpecialValueText(tr("all"));
    m_windows->setValue(last.windows);
    m_length = new NumberBox(NumberBox::Steps::Doublings, this);
    m_length->setObjectName(u"length"_s);
    m_length->setRange(2, longest);
    m_length->setSuffix(tr(" tokens"));
    m_length->setValue(std::min(last.length, longest));
    m_bits = new NumberBox(NumberBox::Steps::Ones, this);
    m_bits->setObjectName(u"bits"_s);
    m_bits->setRange(2, 8);
    m_bits->setValue(last.settings.bits);
    m_alpha = new DecimalBox(this, 0.05);
    m_alpha->setObjectName(u"alpha"_s);
    m_alpha->setRange(0, 1);
    m_alpha->setValue(last.settings.alpha);
    m_alpha->setToolTip(tr("CrossQuant's exponent of the token maximum: 1 is per token, 0 per channel."));
    form()->addRow(tr("&Text"), m_text);
    form()->addRow(tr("&Windows"), m_windows);
    form()->addRow(tr("Window &length"), m_length);
    form()->addRow(tr("&Grid bits"), m_bits);
    form()->addRow(tr("CrossQuant &α"), m_alpha);
    m_measure = new TextMeasure(document.model().path, jobs, *m_text, this);
    connect(m_measure, &TextMeasure::changed, this, &AnalyzeDialog::refresh);
    for (QSpinBox* box : {m_windows, m_length})
        connect(box, &QSpinBox::valueChanged, this, &AnalyzeDialog::refresh);
    refresh();
}

AnalyzeRequest AnalyzeDialog::request() const
{
    return {m_text->file(), m_windows->value(), m_length->value(), {m_bits->value(), m_alpha->value()}};
}

void AnalyzeDialog::refresh()
{
    const int asked = m_windows->value(), length = m_length->value();
    const std::optional<int> windows = m_measure->windows(asked, length);
    QString note = windowsText(asked, length, *m_measure);
    if (asked > 0)
        note += u' ' + tr("The views fill while it runs.");
    if (windows) {   // of a whole text it is not known before that is read
        const ModelDescription& model = m_document.model();
        note += u'\n' + tr("Memory: about %1 at its peak · time: %2").arg(formatBytes(analyzeMemory(model.config, *windows, length, 0)),
                    MachineRates::text(u"analyze"_s, model, walkWork(model, double(*windows) * length)));
    }
    const QString problem = m_text->problem();
    setNote(note, problem.isEmpty() ? m_measure->problem(length) : problem);
}

} // namespace halftone
