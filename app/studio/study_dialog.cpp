#include "app/studio/study_dialog.h"

#include "app/studio/machine_rates.h"
#include "app/studio/resources.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "app/studio/text_measure.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/number_box.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>

#include <algorithm>
#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr std::array kSchemes{ActivationScheme::None, ActivationScheme::PerToken, ActivationScheme::Cross, ActivationScheme::PerTensor, ActivationScheme::CrossStatic};

/// Every rounding, and every transform with rounding to nearest behind it.
std::vector<StudyMethod> knownMethods()
{
    std::vector<StudyMethod> known;
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Rounding) {
            StudyMethod method{info.nearest ? info.label() : info.name, {}};
            method.patch.rounding = MethodChoice{info.id, {}};
            known.push_back(std::move(method));
        }
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Transform) {
            StudyMethod method{info.name, {}};
            method.patch.transform = MethodChoice{info.id, {}};
            method.patch.rounding = MethodChoice{kNearestRounding, {}};
            known.push_back(std::move(method));
        }
    return known;
}

QString idOf(const StudyMethod& method)
{
    return toQString(method.patch.transform ? method.patch.transform->method : method.patch.rounding->method);
}

/// Whether the group divides every row of the model.
bool divides(const ModelDescription& model, int group)
{
    return group == 0 || std::all_of(model.linears.begin(), model.linears.end(), [group](const LinearInfo& linear) { return linear.in % group == 0; });
}

std::vector<int> checked(const std::vector<std::pair<QCheckBox*, int>>& boxes)
{
    std::vector<int> values;
    for (const auto& [box, value] : boxes)
        if (box->isChecked() && box->isEnabled())
            values.push_back(value);
    return values;
}

QSpinBox* spin(const QString& name, NumberBox::Steps steps, int low, int high, int value, const QString& suffix, QWidget* parent)
{
    auto* box = new NumberBox(steps, parent);
    box->setObjectName(name);
    box->setRange(low, high);
    box->setSuffix(suffix);
    box->setValue(std::clamp(value, low, high));
    return box;
}

QWidget* pair(QWidget* first, const QString& between, QWidget* second, QWidget* parent)
{
    auto* both = new QWidget(parent);
    auto* line = new QHBoxLayout(both);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(8);
    line->addWidget(first);
    line->addWidget(new QLabel(between, both));
    line->addWidget(second);
    line->addStretch();
    return both;
}

} // namespace

double studyWork(const StudyPlan& plan)
{
    double work = plan.evaluateWork * plan.floatWalks;
    for (const StudyPlan::Member& member : plan.members)
        if (member.impossible.empty())
            work += plan.evaluateWork + member.quantizeWork;
    return work;
}

StudyDialog::StudyDialog(const Document& document, JobRunner& jobs, const Study& last, const QString& preset, QWidget* parent)
    : JobDialog(u"studyDialog"_s, tr("Study"), tr("Measures every combination of what is checked on the same text, as one job that can be stopped and goes on."), tr("&Start"), parent)
    , m_document(document)
    , m_jobs(jobs)
    , m_known(knownMethods())
    , m_settle(this)
{
    m_preset = new QComboBox(this);
    m_preset->setObjectName(u"studyPreset"_s);
    for (const StudyPreset& one : studyPresets()) {
        m_preset->addItem(toQString(one.name), toQString(one.id));
        m_preset->setItemData(m_preset->count() - 1, toQString(one.summary), Qt::ToolTipRole);
    }
    m_preset->addItem(tr("as checked below"), QString());
    form()->addRow(tr("&Preset"), m_preset);
    buildChoices();
    buildTexts(last);
    m_settle.setSingleShot(true);
    m_settle.setInterval(60);
    connect(&m_settle, &QTimer::timeout, this, &StudyDialog::plan);
    connect(m_preset, &QComboBox::activated, this, &StudyDialog::takePreset);
    m_preset->setCurrentIndex(preset.isEmpty() ? 0 : std::max(0, m_preset->findData(preset)));
    takePreset();
}

StudyDialog::Boxes StudyDialog::addRow(const QString& title, const QString& name, const std::vector<std::pair<QString, int>>& entries, int columns)
{
    auto* area = new QWidget(this);
    area->setAccessibleName(QString(title).remove(u'&'));
    auto* grid = new QGridLayout(area);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(12);
    grid->setVerticalSpacing(4);
    Boxes boxes;
    for (const auto& [text, value] : entries) {
        auto* box = new QCheckBox(text, area);
        box->setObjectName(u"%1-%2"_s.arg(name).arg(value));
        box->setAccessibleName(u"%1: %2"_s.arg(QString(title).remove(u'&'), text));
        grid->addWidget(box, static_cast<int>(boxes.size()) / columns, static_cast<int>(boxes.size()) % columns);
        connect(box, &QCheckBox::toggled, this, &StudyDialog::edited);
        boxes.emplace_back(box, value);
    }
    grid->setColumnStretch(columns, 1);
    auto* label = new QLabel(title, this);
    if (!boxes.empty())
        label->setBuddy(boxes.front().first);
    form()->addRow(label, area);
    return boxes;
}

void StudyDialog::buildChoices()
{
    std::vector<std::pair<QString, int>> methods;
    for (std::size_t i = 0; i < m_known.size(); ++i)
        methods.emplace_back(toQString(m_known[i].name), static_cast<int>(i));
    m_methods = addRow(tr("&Methods"), u"method"_s, methods, 3);
    for (const auto& [box, index] : m_methods) {
        const StudyMethod& method = m_known[static_cast<std::size_t>(index)];
        const MethodInfo* info = findMethod(method.patch.transform ? MethodKind::Transform : MethodKind::Rounding, idOf(method).toStdString());
        box->setObjectName(u"method-"_s + idOf(method));
        if (info)
            box->setToolTip(toQString(info->summary) + (method.patch.transform ? u'\n' + tr("Weights are rounded to nearest behind it.") : QString()));
    }
    std::vector<std::pair<QString, int>> bits{{tr("16, float"), 16}};
    for (int b = 8; b >= 2; --b)
        bits.emplace_back(QString::number(b), b);
    m_bits = addRow(tr("&Weight bits"), u"weightBits"_s, bits, 8);
    std::vector<std::pair<QString, int>> groups{{tr("whole row"), 0}};
    for (const int group : {128, 64, 32, 16})
        groups.emplace_back(QString::number(group), group);
    m_groups = addRow(tr("&Groups of"), u"group"_s, groups, 5);
    for (const auto& [box, group] : m_groups)
        if (!divides(m_document.model(), group)) {
            box->setEnabled(false);
            box->setToolTip(tr("%1 does not divide every row of this model.").arg(group));
        }
    m_schemes = addRow(tr("&Activations"), u"scheme"_s,
                       {{tr("float"), 0}, {tr("per token"), 1}, {tr("CrossQuant"), 2}, {tr("per tensor, static"), 3}, {tr("CrossQuant, static"), 4}}, 3);
    std::vector<std::pair<QString, int>> activationBits;
    for (int b = 8; b >= 3; --b)
        activationBits.emplace_back(QString::number(b), b);
    m_activationBits = addRow(tr("Activation &bits"), u"activationBits"_s, activationBits, 6);
    m_alphas = new QLineEdit(this);
    m_alphas->setObjectName(u"alphas"_s);
    m_alphas->setToolTip(tr("Exponents of the token maximum, 0 to 1, with blanks between"));
    form()->addRow(tr("CrossQuant α"), m_alphas);
    connect(m_alphas, &QLineEdit::textEdited, this, &StudyDialog::edited);
}

void StudyDialog::buildTexts(const Study& last)
{
    const int longest = static_cast<int>(std::clamp<std::int64_t>(m_document.model().config.maxPositions, 2, 1 << 20));
    m_text = new TextField(u"text"_s, resourceFile(u"text/held-out.txt"_s), this, TextField::Takes::One);
    if (!last.texts.empty())
        m_text->setFile(QString::fromStdString(last.texts.front().file.string()));
    m_windows = spin(u"windows"_s, NumberBox::Steps::Sixteens, 0, 100000, last.texts.empty() ? 4 : last.windows, {}, this);
    m_windows->setSpecialValueText(tr("all"));
    m_length = spin(u"length"_s, NumberBox::Steps::Doublings, 2, longest, last.texts.empty() ? 512 : last.length, tr(" tokens"), this);
    m_windows->setAccessibleName(tr("Windows"));
    m_length->setAccessibleName(tr("Window length"));
    m_calibration = new TextField(u"calibration"_s, resourceFile(u"text/sample.txt"_s), this, TextField::Takes::One);
    if (!last.calibrationText.empty())
        m_calibration->setFile(QString::fromStdString(last.calibrationText.string()));
    m_samples = spin(u"samples"_s, NumberBox::Steps::Sixteens, 1, 100000, last.texts.empty() ? 16 : last.base.calibration.samples, {}, this);
    m_sampleLength = spin(u"sampleLength"_s, NumberBox::Steps::Doublings, 2, longest, last.texts.empty() ? 512 : last.base.calibration.length, tr(" tokens"), this);
    m_samples->setAccessibleName(tr("Calibration samples"));
    m_sampleLength->setAccessibleName(tr("Sample length"));
    m_divergence = new QCheckBox(tr("and the &divergence from the float model"), this);
    m_divergence->setObjectName(u"divergence"_s);
    m_divergence->setChecked(last.texts.empty() || last.divergence);
    form()->addRow(tr("&Text"), m_text);
    form()->addRow(tr("Windows"), pair(m_windows, u"×"_s, m_length, this));
    form()->addRow(tr("&Calibration"), m_calibration);
    form()->addRow(tr("Samples"), pair(m_samples, u"×"_s, m_sampleLength, this));
    form()->addRow(QString(), m_divergence);
    m_measure = new TextMeasure(m_document.model().path, m_jobs, *m_text, this);
    m_calibrationMeasure = new TextMeasure(m_document.model().path, m_jobs, *m_calibration, this);
    for (TextMeasure* measure : {m_measure, m_calibrationMeasure})
        connect(measure, &TextMeasure::changed, this, &StudyDialog::refresh);
    for (QSpinBox* box : {m_windows, m_length, m_samples, m_sampleLength})
        connect(box, &QSpinBox::valueChanged, this, &StudyDialog::refresh);
    connect(m_divergence, &QCheckBox::toggled, this, &StudyDialog::refresh);
}

void StudyDialog::takePreset()
{
    const QString id = m_preset->currentData().toString();
    if (id.isEmpty())
        return;
    const Study preset = studyForModel(id.toStdString(), m_document.model());
    m_base = preset.base;
    m_filling = true;
    for (const auto& [box, index] : m_methods) {
        const PlanPatch& patch = m_known[static_cast<std::size_t>(index)].patch;
        box->setChecked(std::any_of(preset.methods.begin(), preset.methods.end(), [&](const StudyMethod& method) { return method.patch == patch; }));
    }
    const auto hold = [](const std::vector<int>& values, int value) { return std::find(values.begin(), values.end(), value) != values.end(); };
    for (const auto& [box, value] : m_bits)
        box->setChecked(hold(preset.weightBits, value));
    for (const auto& [box, value] : m_groups)
        box->setChecked(hold(preset.groups, value));
    QStringList alphas;
    for (const auto& [box, index] : m_schemes) {
        const ActivationScheme scheme = kSchemes[static_cast<std::size_t>(index)];
        box->setChecked(std::any_of(preset.activations.begin(), preset.activations.end(), [scheme](const ActivationGrid& grid) { return grid.scheme == scheme; })
                        || (preset.activations.empty() && scheme == ActivationScheme::None));
    }
    for (const auto& [box, bits] : m_activationBits)
        box->setChecked(std::any_of(preset.activations.begin(), preset.activations.end(), [b = bits](const ActivationGrid& grid) { return grid.quantized() && grid.bits == b; }));
    for (const ActivationGrid& grid : preset.activations)
        if (grid.scheme == ActivationScheme::Cross && !alphas.contains(QString::number(grid.alpha)))
            alphas << QString::number(grid.alpha);
    m_alphas->setText(alphas.isEmpty() ? QString::number(ActivationGrid{}.alpha) : alphas.join(u' '));
    m_filling = false;
    refresh();
}

void StudyDialog::edited()
{
    if (m_filling)
        return;
    m_preset->setCurrentIndex(m_preset->count() - 1);
    refresh();
}

std::vector<double> StudyDialog::alphas(bool* valid) const
{
    std::vector<double> values;
    *valid = true;
    for (const QString& word : m_alphas->text().split(u' ', Qt::SkipEmptyParts)) {
        bool number = false;
        const double value = QString(word).replace(u',', u'.').toDouble(&number);
        *valid = *valid && number && value >= 0 && value <= 1;
        values.push_back(value);
    }
    return values;
}

Study StudyDialog::study() const
{
    Study study;
    const int preset = m_preset->currentIndex();
    study.name = preset < m_preset->count() - 1 ? m_preset->currentText().toStdString() : tr("own choice").toStdString();
    study.base = m_base;
    study.base.calibration = {m_samples->value(), m_sampleLength->value(), 0};
    study.base.contract = {};
    for (const int index : checked(m_methods))
        study.methods.push_back(m_known[static_cast<std::size_t>(index)]);
    study.weightBits = checked(m_bits);
    study.groups = checked(m_groups);
    bool valid = true;
    const std::vector<double> alpha = alphas(&valid);
    const std::vector<int> schemes = checked(m_schemes);
    if (std::find(schemes.begin(), schemes.end(), 0) != schemes.end())
        study.activations.push_back({});
    for (const int bits : checked(m_activationBits))
        for (const int index : schemes) {
            const ActivationScheme scheme = kSchemes[static_cast<std::size_t>(index)];
            if (scheme == ActivationScheme::Cross || scheme == ActivationScheme::CrossStatic)
                for (const double a : alpha)
                    study.activations.push_back({scheme, bits, true, a});
            else if (scheme != ActivationScheme::None)
                study.activations.push_back({scheme, bits, true, ActivationGrid{}.alpha});
        }
    // A line of a plot runs along the bits: one scheme and α after the other.
    const auto place = [](const ActivationGrid& grid) { return std::pair(grid.scheme, grid.alpha); };   // None comes first
    std::stable_sort(study.activations.begin(), study.activations.end(), [&](const ActivationGrid& one, const ActivationGrid& other) { return place(one) < place(other); });
    const std::filesystem::path text = toPath(m_text->file());
    study.texts = {{text.filename().string(), text}};
    study.windows = m_windows->value();
    study.length = m_length->value();
    study.divergence = m_divergence->isChecked();
    study.calibrationText = toPath(m_calibration->file());
    study.model = m_document.model().path;
    return study;
}

void StudyDialog::refresh()
{
    if (m_filling)
        return;
    QString problem = m_text->problem();
    bool valid = true;
    alphas(&valid);
    if (m_document.readOnly())
        problem = tr("The project is read-only: a study has no place to go.");
    else if (checked(m_bits).empty())
        problem = tr("Check at least one width of the weights; 16 leaves them float.");
    else if (!valid)
        problem = tr("α is a number from 0 to 1; several stand with blanks between.");
    m_settle.start();
    setNote(tr("Counting the settings…"), problem);
}

void StudyDialog::plan()
{
    Study wanted = study();   // as far as its texts reach
    wanted.windows = m_measure->windows(wanted.windows, wanted.length).value_or(wanted.windows);
    CalibrationSettings& calibration = wanted.base.calibration;
    calibration.samples = m_calibrationMeasure->windows(calibration.samples, calibration.length).value_or(calibration.samples);
    const auto tokens = std::int64_t{wanted.windows} * wanted.length;
    JobSpec spec{u"plan-study"_s, tr("Plan the study"), JobSpec::Lane::Files, false, {}, {}};
    QPointer<StudyDialog> self(this);
    spec.failed = [self](const JobError& error) {
        if (self)
            self->setNote({}, error.sentence);
    };
    m_jobs.submit(
        spec,
        [wanted, tokens, model = m_document.model(), folder = m_document.project()->folder()](Progress&, const std::stop_token&) { return planStudy(model, wanted, tokens, {}, folder); },
        [self, tokens](const StudyPlan& plan) {
            if (self)
                self->showPlan(plan, static_cast<double>(tokens));
        });
}

void StudyDialog::showPlan(const StudyPlan& plan, double tokens)
{
    QString problem = m_text->problem();
    if (problem.isEmpty())
        problem = m_measure->problem(m_length->value());
    if (m_document.readOnly())
        problem = tr("The project is read-only: a study has no place to go.");
    else if (plan.possible() == 0)
        problem = plan.members.empty() ? tr("Nothing is checked.") : toQString(plan.members.front().impossible);
    else if (plan.runs() > 0 && problem.isEmpty())
        problem = m_calibration->problem().isEmpty() ? m_calibrationMeasure->problem(m_sampleLength->value()) : m_calibration->problem();
    QString note = plan.possible() == 1 ? tr("1 setting") : tr("%1 settings").arg(plan.possible());
    if (plan.runs() > 0)
        note += tr(", runs of their own among them: %1").arg(plan.runs());
    if (const int impossible = static_cast<int>(plan.members.size()) - plan.possible(); impossible > 0)
        note += tr(", impossible on this model: %1").arg(impossible);
    note += u'.';
    if (tokens > 0) {
        const double work = studyWork(plan);
        const QString kind = MachineRates::seconds(u"study"_s, m_document.model(), work) ? u"study"_s : u"evaluate"_s;
        note += u'\n' + tr("Memory: about %1 at its peak · time: %2").arg(formatBytes(plan.peakMemory), MachineRates::text(kind, m_document.model(), work));
    }
    if (plan.diskBytes > 0)
        note += u'\n' + tr("Disk: up to %1 in the project for the runs").arg(formatBytes(plan.diskBytes));
    setNote(note, problem);
}

} // namespace halftone
