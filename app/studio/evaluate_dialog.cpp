#include "app/studio/evaluate_dialog.h"

#include "app/studio/command_line.h"
#include "app/studio/machine_rates.h"
#include "app/studio/resources.h"
#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "app/studio/text_measure.h"
#include "core/pipeline/memory_plan.h"
#include "widgets/colour_map.h"
#include "widgets/number_box.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

EvaluateDialog::EvaluateDialog(const Document& document, JobRunner& jobs, const EvaluateRequest& last, QWidget* parent)
    : JobDialog(u"evaluateDialog"_s, tr("Evaluate"),
                tr("Measures perplexity on a text, and how far the quantized model's next-token distribution lies from the float model's."),
                tr("&Evaluate"), parent)
    , m_document(document)
{
    const int longest = static_cast<int>(std::clamp<std::int64_t>(document.model().config.maxPositions, 2, 1 << 20));
    m_text = new TextField(u"text"_s, resourceFile(u"text/held-out.txt"_s), this);
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

    m_float = new QCheckBox(tr("the &float model"), this);
    m_float->setObjectName(u"float"_s);
    m_run = new QCheckBox(tr("the &run"), this);
    m_run->setObjectName(u"run"_s);
    m_runs = new QComboBox(this);
    m_runs->setObjectName(u"runs"_s);
    m_runs->setAccessibleName(tr("Run"));
    for (auto run = document.runs().rbegin(); run != document.runs().rend(); ++run)
        if (run->state == "done")
            m_runs->addItem(tr("%1 · %2 bits a weight").arg(runTitle(*run)).arg(run->bitsPerWeight, 0, 'f', 2), toQString(run->id));
    m_recipe = new QCheckBox(tr("the re&cipe as it stands, rounded to nearest on the fly (no run)"), this);
    m_recipe->setObjectName(u"recipe"_s);
    m_divergence = new QCheckBox(tr("and its &divergence from the float model"), this);
    m_divergence->setObjectName(u"divergence"_s);
    m_divergence->setChecked(last.divergence);

    const bool haveRun = m_runs->count() > 0;
    m_run->setEnabled(haveRun);
    m_runs->setEnabled(haveRun);
    for (QWidget* choice : {static_cast<QWidget*>(m_run), static_cast<QWidget*>(m_runs)})
        choice->setToolTip(haveRun ? tr("A finished run of this project") : tr("No run is finished yet: quantize first."));
    if (!haveRun)
        m_runs->addItem(tr("no run is finished yet"));
    m_run->setChecked(haveRun);
    const bool haveFloat = std::any_of(document.evaluations().begin(), document.evaluations().end(),
                                       [](const EvaluationRecord& record) { return record.target == EvaluationRecord::Target::Float; });
    m_float->setChecked(!haveFloat || !haveRun);

    form()->addRow(tr("&Text"), m_text);
    form()->addRow(tr("&Windows"), m_windows);
    form()->addRow(tr("Window &length"), m_length);
    form()->addRow(tr("Measure"), m_float);
    auto* run = new QWidget(this);
    auto* line = new QHBoxLayout(run);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(8);
    line->addWidget(m_run);
    line->addWidget(m_runs);
    form()->addRow(QString(), run);
    form()->addRow(QString(), m_recipe);
    form()->addRow(QString(), m_divergence);

    m_measure = new TextMeasure(document.model().path, jobs, *m_text, this);
    connect(m_measure, &TextMeasure::changed, this, &EvaluateDialog::refresh);
    for (QSpinBox* box : {m_windows, m_length})
        connect(box, &QSpinBox::valueChanged, this, &EvaluateDialog::refresh);
    for (QCheckBox* box : {m_float, m_run, m_recipe, m_divergence})
        connect(box, &QCheckBox::toggled, this, &EvaluateDialog::refresh);
    refresh();
    offerCommand([this] {
        QStringList lines;
        for (const EvaluateRequest& request : requests())
            lines.append(evaluateCommand(m_document, request));
        lines.removeAll(QString());   // a recipe that is only in the window
        return lines.join(u'\n');
    });
}

std::vector<EvaluateRequest> EvaluateDialog::requests() const
{
    EvaluateRequest base{m_text->file(), m_windows->value(), m_length->value(), EvaluationRecord::Target::Float, {}, m_divergence->isChecked()};
    std::vector<EvaluateRequest> list;
    if (m_float->isChecked())
        list.push_back(base);
    if (m_run->isChecked()) {
        base.target = EvaluationRecord::Target::Run;
        base.run = m_runs->currentData().toString();
        list.push_back(base);
    }
    if (m_recipe->isChecked()) {
        base.target = EvaluationRecord::Target::Recipe;
        base.run.clear();
        list.push_back(base);
    }
    return list;
}

void EvaluateDialog::refresh()
{
    m_divergence->setEnabled(m_run->isChecked() || m_recipe->isChecked());
    m_divergence->setToolTip(m_divergence->isEnabled() ? tr("KL(float ‖ quantized), nats a token: twice the work") : tr("Choose the run or the recipe first: the float model does not differ from itself."));
    QString problem = m_text->problem();
    if (problem.isEmpty() && !m_float->isChecked() && !m_run->isChecked() && !m_recipe->isChecked())
        problem = tr("Choose what to measure.");
    const int length = m_length->value();
    if (problem.isEmpty())
        problem = m_measure->problem(length);
    const std::optional<int> windows = m_measure->windows(m_windows->value(), length);
    QString cost;
    if (windows && problem.isEmpty()) {   // of a whole text it is not known before that is read
        const ModelDescription& model = m_document.model();
        const std::int64_t tokens = std::int64_t(*windows) * length;
        const bool divergence = m_divergence->isChecked();
        double work = m_float->isChecked() ? evaluateWork(model, double(tokens), false) : 0;
        for (const QCheckBox* box : {m_run, m_recipe})
            if (box->isChecked())
                work += evaluateWork(model, double(tokens), divergence);
        const int models = divergence && (m_run->isChecked() || m_recipe->isChecked()) ? 2 : 1;
        cost = u'\n' + tr("Memory: about %1 at its peak · time: %2").arg(formatBytes(evaluateMemory(model.config, tokens, length, {models, models, models})),
                   MachineRates::text(u"evaluate"_s, model, work));
    }
    setNote(windowsText(m_windows->value(), length, *m_measure) + u' ' + tr("Figures compare only when text and windows are the same.") + cost, problem);
}

void EvaluateDialog::chooseRun(const QString& run)
{
    if (const int row = m_runs->findData(run); row >= 0 && !run.isEmpty())
        m_runs->setCurrentIndex(row);
}

} // namespace halftone
