#include "app/studio/plan_editor.h"

#include "app/studio/text.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QSignalBlocker>
#include <QSpinBox>

#include <algorithm>
#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr std::array kSchemes{ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel,
                              ActivationScheme::Cross, ActivationScheme::CrossStatic};

/// The value all plans share; empty when they differ.
template <typename Get> std::optional<std::invoke_result_t<Get, const Plan&>> common(const std::vector<Plan>& plans, Get get)
{
    if (plans.empty())
        return std::nullopt;
    const auto first = get(plans.front());
    for (const Plan& plan : plans)
        if (get(plan) != first)
            return std::nullopt;
    return first;
}

template <typename Value> void showCommon(QComboBox* box, const std::optional<Value>& value)
{
    const QSignalBlocker quiet(box);
    box->setCurrentIndex(value ? box->findData(QVariant(*value)) : -1);
}

} // namespace

PlanEditor::PlanEditor(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"planEditor"_s);
    m_form = new QFormLayout(this);
    m_form->setContentsMargins(0, 0, 0, 0);
    m_form->setHorizontalSpacing(12);
    m_form->setVerticalSpacing(4);
    m_form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);

    m_method = addChoice(u"planMethod"_s, tr("Method"), tr("How weights become codes"));
    for (const MethodInfo& method : methodInfos())
        if (method.kind == MethodKind::Rounding)
            m_method->addItem(toQString(method.name), toQString(method.id));
    m_bits = addChoice(u"planBits"_s, tr("Weight bits"), tr("16 leaves the weights as they are"));
    for (const int bits : {2, 3, 4, 5, 6, 7, 8})
        m_bits->addItem(QString::number(bits), bits);
    m_bits->addItem(tr("16 (float)"), 16);
    m_group = addChoice(u"planGroup"_s, tr("Group"), tr("Weights along the input that share a scale"));
    m_symmetric = addChoice(u"planSymmetric"_s, tr("Zero point"), tr("Asymmetric grids store a zero point a group"));
    m_symmetric->addItem(tr("symmetric"), true);
    m_symmetric->addItem(tr("asymmetric"), false);
    m_clip = addChoice(u"planClip"_s, tr("Clip"), tr("MSE search shrinks each scale to the least squared error"));
    m_clip->addItem(tr("none"), int(WeightGrid::Clip::None));
    m_clip->addItem(tr("MSE search"), int(WeightGrid::Clip::Mse));
    m_parameters = new QWidget(this);
    m_parameterForm = new QFormLayout(m_parameters);
    m_parameterForm->setContentsMargins(0, 0, 0, 0);
    m_parameterForm->setHorizontalSpacing(12);
    m_parameterForm->setVerticalSpacing(4);
    m_form->addRow(m_parameters);
    m_scheme = addChoice(u"planScheme"_s, tr("Activations"), tr("How the input of the linear is rounded"));
    const std::array schemeNames{tr("left float"), tr("per tensor (static)"), tr("per token"), tr("per channel (static)"), tr("CrossQuant"),
                                 tr("CrossQuant, static")};
    for (std::size_t i = 0; i < kSchemes.size(); ++i)
        m_scheme->addItem(schemeNames[i], int(kSchemes[i]));
    m_activationBits = addChoice(u"planActivationBits"_s, tr("Activation bits"), tr("2 to 8"));
    for (const int bits : {2, 3, 4, 5, 6, 7, 8})
        m_activationBits->addItem(QString::number(bits), bits);
    m_alpha = new QDoubleSpinBox(this);
    m_alpha->setObjectName(u"planAlpha"_s);
    m_alpha->setRange(0, 1);
    m_alpha->setSingleStep(0.05);
    m_alpha->setKeyboardTracking(false);
    m_alpha->setToolTip(tr("Exponent of the token maximum: 1 is per token, 0 per channel"));
    m_form->addRow(tr("CrossQuant α"), m_alpha);

    const auto onChoice = [this](QComboBox* box, auto set) {
        connect(box, &QComboBox::activated, this, [this, box, set] {
            PlanPatch patch;
            set(patch, box->currentData());
            Q_EMIT patchRequested(patch);
        });
    };
    onChoice(m_method, [](PlanPatch& patch, const QVariant& value) { patch.rounding = MethodChoice{value.toString().toStdString(), {}}; });
    onChoice(m_bits, [](PlanPatch& patch, const QVariant& value) { patch.bits = value.toInt(); });
    onChoice(m_group, [](PlanPatch& patch, const QVariant& value) { patch.group = value.toInt(); });
    onChoice(m_symmetric, [](PlanPatch& patch, const QVariant& value) { patch.symmetric = value.toBool(); });
    onChoice(m_clip, [](PlanPatch& patch, const QVariant& value) { patch.clip = static_cast<WeightGrid::Clip>(value.toInt()); });
    onChoice(m_scheme, [](PlanPatch& patch, const QVariant& value) { patch.scheme = static_cast<ActivationScheme>(value.toInt()); });
    onChoice(m_activationBits, [](PlanPatch& patch, const QVariant& value) { patch.activationBits = value.toInt(); });
    connect(m_alpha, &QDoubleSpinBox::valueChanged, this, [this](double value) {
        PlanPatch patch;
        patch.alpha = value;
        Q_EMIT patchRequested(patch);
    });
}

QComboBox* PlanEditor::addChoice(const QString& name, const QString& label, const QString& tip)
{
    auto* box = new QComboBox(this);
    box->setObjectName(name);
    box->setAccessibleName(label);
    box->setToolTip(tip);
    box->setPlaceholderText(tr("mixed"));
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    box->setFocusPolicy(Qt::StrongFocus);
    m_form->addRow(label, box);
    return box;
}

void PlanEditor::setPlans(const std::vector<Plan>& plans, std::int64_t width)
{
    {
        const QSignalBlocker quiet(m_group);
        m_group->clear();
        m_group->addItem(tr("per channel"), 0);
        for (const int group : {16, 32, 64, 128, 256})
            if (width == 0 || width % group == 0)
                m_group->addItem(QString::number(group), group);
        const auto group = common(plans, [](const Plan& plan) { return plan.weights.group; });
        if (group && m_group->findData(*group) < 0)
            m_group->addItem(QString::number(*group), *group);
    }
    showCommon(m_method, common(plans, [](const Plan& plan) { return toQString(plan.rounding.method); }));
    showCommon(m_bits, common(plans, [](const Plan& plan) { return plan.weights.bits; }));
    showCommon(m_group, common(plans, [](const Plan& plan) { return plan.weights.group; }));
    showCommon(m_symmetric, common(plans, [](const Plan& plan) { return plan.weights.symmetric; }));
    showCommon(m_clip, common(plans, [](const Plan& plan) { return int(plan.weights.clip); }));
    showCommon(m_scheme, common(plans, [](const Plan& plan) { return int(plan.activations.scheme); }));
    showCommon(m_activationBits, common(plans, [](const Plan& plan) { return plan.activations.bits; }));
    const auto any = [&](auto says) { return std::any_of(plans.begin(), plans.end(), says); };
    const bool weights = any([](const Plan& plan) { return plan.weights.quantized(); });
    const bool activations = any([](const Plan& plan) { return plan.activations.quantized(); });
    const bool cross = any([](const Plan& plan) {
        return plan.activations.scheme == ActivationScheme::Cross || plan.activations.scheme == ActivationScheme::CrossStatic;
    });
    for (QComboBox* box : {m_method, m_group, m_symmetric, m_clip})
        box->setEnabled(weights);
    m_activationBits->setEnabled(activations);
    m_alpha->setEnabled(cross);
    {
        const QSignalBlocker quiet(m_alpha);
        const auto alpha = common(plans, [](const Plan& plan) { return plan.activations.alpha; });
        m_alpha->setSpecialValueText(alpha ? QString() : tr("mixed"));
        m_alpha->setValue(alpha.value_or(0));
    }
    const auto choice = common(plans, [](const Plan& plan) { return plan.rounding; });
    rebuildParameters(weights && choice ? *choice : MethodChoice{"", {}});
}

void PlanEditor::setReadOnly(bool readOnly)
{
    setEnabled(!readOnly);
}

void PlanEditor::rebuildParameters(const MethodChoice& choice)
{
    if (choice == m_shownChoice)
        return;
    m_shownChoice = choice;
    while (m_parameterForm->rowCount() > 0)
        m_parameterForm->removeRow(0);
    const MethodInfo* method = findMethod(MethodKind::Rounding, choice.method);
    m_parameters->setVisible(method && !method->parameters.empty());
    if (!method)
        return;
    for (const ParameterInfo& info : method->parameters)
        addParameter(*method, info, choice);
}

void PlanEditor::addParameter(const MethodInfo& method, const ParameterInfo& info, const MethodChoice& choice)
{
    // Later than the signal: the answer rebuilds these very widgets.
    const auto request = [this, id = method.id, key = info.key](const ParameterValue& value) {
        PlanPatch patch;
        patch.rounding = MethodChoice{id, {{key, value}}};
        QMetaObject::invokeMethod(this, [this, patch] { Q_EMIT patchRequested(patch); }, Qt::QueuedConnection);
    };
    QWidget* field = nullptr;
    switch (info.type) {
    case ParameterInfo::Type::Boolean: {
        auto* box = new QCheckBox(m_parameters);
        box->setChecked(choice.boolean(info.key));
        connect(box, &QCheckBox::toggled, this, [request](bool on) { request(on); });
        field = box;
        break;
    }
    case ParameterInfo::Type::Integer: {
        auto* box = new QSpinBox(m_parameters);
        box->setRange(static_cast<int>(info.minimum), static_cast<int>(info.maximum));
        box->setValue(static_cast<int>(choice.integer(info.key)));
        box->setKeyboardTracking(false);
        connect(box, &QSpinBox::valueChanged, this, [request](int value) { request(std::int64_t(value)); });
        field = box;
        break;
    }
    case ParameterInfo::Type::Real: {
        auto* box = new QDoubleSpinBox(m_parameters);
        box->setRange(info.minimum, info.maximum);
        box->setDecimals(4);
        box->setSingleStep((info.maximum - info.minimum) / 100);
        box->setValue(choice.real(info.key));
        box->setKeyboardTracking(false);
        connect(box, &QDoubleSpinBox::valueChanged, this, [request](double value) { request(value); });
        field = box;
        break;
    }
    case ParameterInfo::Type::Choice: {
        auto* box = new QComboBox(m_parameters);
        for (const std::string& each : info.choices)
            box->addItem(toQString(each));
        box->setCurrentText(toQString(choice.choice(info.key)));
        connect(box, &QComboBox::activated, this, [request, box] { request(box->currentText().toStdString()); });
        field = box;
        break;
    }
    }
    field->setObjectName(u"parameter_"_s + toQString(info.key));
    field->setToolTip(toQString(info.help));
    QString label = toQString(info.key).replace(u'_', u' ');
    label[0] = label[0].toUpper();
    field->setAccessibleName(label);
    m_parameterForm->addRow(label, field);
}

} // namespace halftone
