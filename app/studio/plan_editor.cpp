#include "app/studio/plan_editor.h"

#include "app/studio/text.h"
#include "core/recipe/bulk_edit.h"
#include "core/recipe/contract_ties.h"
#include "core/recipe/plan_fields.h"
#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/number_box.h"
#include "widgets/palette.h"

#include <QAbstractItemView>
#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QToolButton>

#include <algorithm>
#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr std::array kSchemes{ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel,
                              ActivationScheme::Cross, ActivationScheme::CrossStatic};
constexpr int kEditorWidth = 116, kNowWidth = 44;
constexpr int kTipRole = Qt::UserRole + 1;   ///< an item's own tip, which a refusal covers

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

/// CrossQuant's third form is a transform with a grid per token; the list of activation grids offers it beside the two that are grids.
constexpr int kFolded = 100;

/// The transform that stands in the list of schemes: CrossQuant's grid, folded.
const MethodInfo& foldedTransform()
{
    static const std::vector<MethodInfo> infos = methodInfos();
    return *std::find_if(infos.begin(), infos.end(), [](const MethodInfo& info) { return info.foldsCrossGrid; });
}

bool hasFolded(const Plan& plan) { return plan.transform.method == foldedTransform().id; }
bool isFolded(const Plan& plan) { return hasFolded(plan) && plan.activations.scheme == ActivationScheme::PerToken; }
int schemeItem(const Plan& plan) { return isFolded(plan) ? kFolded : int(plan.activations.scheme); }
double alphaOf(const Plan& plan) { return isFolded(plan) ? plan.transform.real("alpha") : plan.activations.alpha; }

bool isCross(const Plan& plan)
{
    return isFolded(plan) || plan.activations.scheme == ActivationScheme::Cross || plan.activations.scheme == ActivationScheme::CrossStatic;
}

Plan applied(const Plan& plan, const PlanPatch& patch)
{
    PlanPatch whole = wholePatch(plan);
    whole.merge(patch);
    return planOf(whole);
}

} // namespace

PlanEditor::PlanEditor(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"planEditor"_s);
    m_grid = new QGridLayout(this);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(6);
    m_grid->setVerticalSpacing(4);
    m_grid->setColumnStretch(0, 1);
    m_grid->setColumnMinimumWidth(1, kNowWidth);

    const auto nameOf = [](MethodKind kind, const std::string& id) {
        return id == "none" ? tr("none") : toQString(methodLabel(kind, id));
    };
    const auto offer = [&](QComboBox* box, MethodKind kind) {
        box->addItem(tr("none"), u"none"_s);
        for (const MethodInfo& method : methodInfos())
            if (method.kind == kind && method.id != "none") {
                box->addItem(nameOf(kind, method.id), toQString(method.id));
                box->setItemData(box->count() - 1, toQString(method.name), Qt::ToolTipRole);
            }
    };
    m_transform = addChoice(u"planTransform"_s, tr("Transform"), tr("Re-parametrises the activation before anything is rounded, without changing the model; it belongs to all linears that read it"),
                            [nameOf](const Plan& plan) { return nameOf(MethodKind::Transform, plan.transform.method); }, [](const PlanPatch& patch) { return patch.transform.has_value(); });
    offer(m_transform, MethodKind::Transform);
    m_sharedRow = new QWidget(this);
    auto* shared = new QHBoxLayout(m_sharedRow);
    shared->setContentsMargins(0, 0, 0, 0);
    shared->setSpacing(4);
    auto* chain = new QLabel(m_sharedRow);
    chain->setPixmap(icon(u"chain"_s).pixmap(12, 12));
    m_shared = new QLabel(m_sharedRow);
    m_shared->setObjectName(u"planShared"_s);
    m_shared->setWordWrap(true);
    m_shared->setTextFormat(Qt::PlainText);
    m_shared->setFont(tabularFont(font(), false, 1));
    shared->addWidget(chain, 0, Qt::AlignTop);
    shared->addWidget(m_shared, 1);
    m_grid->addWidget(m_sharedRow, m_row++, 0, 1, 3);
    m_sharedRow->hide();

    const auto methodText = [](const Plan& plan) {
        return !plan.weights.quantized() ? u"–"_s : toQString(methodLabel(MethodKind::Rounding, plan.rounding.method));
    };
    m_method = addChoice(u"planMethod"_s, tr("Method"), tr("How weights become codes"), methodText, [](const PlanPatch& patch) { return patch.rounding.has_value(); });
    for (const MethodInfo& method : methodInfos())
        if (method.kind == MethodKind::Rounding) {
            m_method->addItem(toQString(method.label()), toQString(method.id));
            m_method->setItemData(m_method->count() - 1, tr("%1. Folds into a plain checkpoint: %2. %3").arg(toQString(method.name), toQString(name(method.folds.how)), toQString(method.folds.note)), Qt::ToolTipRole);
        }
    m_compensation = addChoice(u"planCompensation"_s, tr("Compensation"), tr("What repairs the rounding error afterwards"),
                               [nameOf](const Plan& plan) { return plan.weights.quantized() ? nameOf(MethodKind::Compensation, plan.compensation.method) : u"–"_s; },
                               [](const PlanPatch& patch) { return patch.compensation.has_value(); });
    offer(m_compensation, MethodKind::Compensation);
    m_settings = new QToolButton(this);
    m_settings->setObjectName(u"planSettings"_s);
    m_settings->setAccessibleName(tr("Settings of the method"));
    m_settings->setCheckable(true);
    m_settings->setAutoRaise(true);
    m_settings->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_settings->setArrowType(Qt::RightArrow);
    m_settings->setToolTip(tr("Show what the method itself can be told"));
    m_settings->hide();   // until a method has some
    connect(m_settings, &QToolButton::toggled, this, [this](bool on) {
        m_settings->setArrowType(on ? Qt::DownArrow : Qt::RightArrow);
        m_parameters->setVisible(on);
    });
    m_grid->addWidget(m_settings, m_row++, 0, 1, 3);
    m_parameters = new QWidget(this);
    m_parameters->hide();
    m_parameterGrid = new QGridLayout(m_parameters);
    m_parameterGrid->setContentsMargins(8, 0, 0, 0);
    m_parameterGrid->setHorizontalSpacing(8);
    m_parameterGrid->setVerticalSpacing(4);
    m_parameterGrid->setColumnStretch(0, 1);
    m_grid->addWidget(m_parameters, m_row++, 0, 1, 3);
    m_bits = addChoice(u"planBits"_s, tr("Weight bits"), tr("16 leaves the weights as they are"), [](const Plan& plan) { return QString::number(plan.weights.bits); },
                       [](const PlanPatch& patch) { return patch.bits.has_value(); });
    for (const int bits : {2, 3, 4, 5, 6, 7, 8})
        m_bits->addItem(QString::number(bits), bits);
    m_bits->addItem(tr("16 (float)"), 16);
    m_group = addChoice(u"planGroup"_s, tr("Group"), tr("Weights along the input that share a scale"), [](const Plan& plan) { return layer_texts::group(plan.weights); },
                        [](const PlanPatch& patch) { return patch.group.has_value(); });
    m_symmetric = addChoice(u"planSymmetric"_s, tr("Zero point"), tr("Asymmetric grids store a zero point a group"),
                            [](const Plan& plan) { return plan.weights.symmetric ? tr("sym.") : tr("asym."); }, [](const PlanPatch& patch) { return patch.symmetric.has_value(); });
    m_symmetric->addItem(tr("symmetric"), true);
    m_symmetric->addItem(tr("asymmetric"), false);
    m_clip = addChoice(u"planClip"_s, tr("Clip"), tr("MSE search shrinks each scale to the least error"),
                       [](const Plan& plan) { return plan.weights.clip == WeightGrid::Clip::Mse ? tr("MSE") : tr("none"); },
                       [](const PlanPatch& patch) { return patch.clip.has_value(); });
    m_clip->addItem(tr("none"), int(WeightGrid::Clip::None));
    m_clip->addItem(tr("MSE search"), int(WeightGrid::Clip::Mse));
    m_scheme = addChoice(u"planScheme"_s, tr("Activations"), tr("How the input of the linear is rounded"),
                         [](const Plan& plan) {
                             if (isFolded(plan))
                                 return tr("folded");
                             const QString text = layer_texts::activations(plan.activations);
                             return plan.activations.quantized() ? text.left(text.lastIndexOf(u' ')) : text;
                         },
                         [](const PlanPatch& patch) { return patch.scheme.has_value() || patch.transform.has_value(); });
    const std::array schemeNames{tr("not quantized"), tr("per tensor (static)"), tr("per token"), tr("per channel (static)"), tr("CrossQuant (analysis)"),
                                 tr("CrossQuant, static channels"), tr("CrossQuant, folded (exports)")};
    for (std::size_t i = 0; i < schemeNames.size(); ++i) {
        const bool folded = i == kSchemes.size();
        m_scheme->addItem(schemeNames[i], folded ? kFolded : int(kSchemes[i]));
        if (const MethodInfo* info = folded ? &foldedTransform() : findMethod(MethodKind::Activation, name(kSchemes[i])))
            m_scheme->setItemData(static_cast<int>(i), tr("%1 Folds into a plain checkpoint: %2. %3").arg(toQString(info->summary), toQString(name(info->folds.how)), toQString(info->folds.note)), kTipRole);
    }
    m_scheme->view()->setMinimumWidth(m_scheme->view()->sizeHintForColumn(0) + 24);   // the list shows whole names, though the box is narrow
    m_activationBits = addChoice(u"planActivationBits"_s, tr("Input bits"), tr("Bits of the activations, 2 to 8"),
                                 [](const Plan& plan) { return plan.activations.quantized() ? QString::number(plan.activations.bits) : u"–"_s; },
                                 [](const PlanPatch& patch) { return patch.activationBits.has_value(); });
    for (const int bits : {2, 3, 4, 5, 6, 7, 8})
        m_activationBits->addItem(QString::number(bits), bits);
    m_activationSymmetric = addChoice(u"planActivationSymmetric"_s, tr("Input zero point"), tr("Asymmetric grids have a zero point, of the tensor, the token or the channel"),
                                      [](const Plan& plan) { return !plan.activations.quantized() ? u"–"_s : plan.activations.symmetric ? tr("sym.") : tr("asym."); },
                                      [](const PlanPatch& patch) { return patch.activationSymmetric.has_value(); });
    m_activationSymmetric->addItem(tr("symmetric"), true);
    m_activationSymmetric->addItem(tr("asymmetric"), false);
    const QString alphaTip = tr("Exponent of the token maximum: 1 is per token, 0 per channel");
    m_alpha = new DecimalBox(this, 0.05);
    m_alpha->setObjectName(u"planAlpha"_s);
    m_alpha->setRange(0, 1);
    m_alpha->setKeyboardTracking(false);
    addField(m_grid, {nullptr, nullptr, m_alpha, alphaTip, [](const Plan& plan) { return isCross(plan) ? formatValue(alphaOf(plan), 3) : u"–"_s; },
                      [](const PlanPatch& patch) { return patch.alpha.has_value() || patch.transform.has_value(); }},
             tr("Cross α"), alphaTip);

    // Those of the activations stand below their name.
    for (Field& field : m_fields)
        if (field.editor == m_activationBits || field.editor == m_activationSymmetric || field.editor == m_alpha) {
            field.label->setText(field.editor == m_activationBits ? tr("bits") : field.editor == m_activationSymmetric ? tr("zero point") : tr("cross α"));
            field.label->setIndent(8);
        }

    const auto onChoice = [this](QComboBox* box, auto set) {
        connect(box, &QComboBox::activated, this, [this, box, set] {
            PlanPatch patch;
            set(patch, box->currentData());
            stage(patch);
        });
    };
    onChoice(m_method, [](PlanPatch& patch, const QVariant& value) { patch.rounding = MethodChoice{value.toString().toStdString(), {}}; });
    onChoice(m_transform, [](PlanPatch& patch, const QVariant& value) { patch.transform = MethodChoice{value.toString().toStdString(), {}}; });
    onChoice(m_compensation, [](PlanPatch& patch, const QVariant& value) { patch.compensation = MethodChoice{value.toString().toStdString(), {}}; });
    onChoice(m_bits, [](PlanPatch& patch, const QVariant& value) { patch.bits = value.toInt(); });
    onChoice(m_group, [](PlanPatch& patch, const QVariant& value) { patch.group = value.toInt(); });
    onChoice(m_symmetric, [](PlanPatch& patch, const QVariant& value) { patch.symmetric = value.toBool(); });
    onChoice(m_clip, [](PlanPatch& patch, const QVariant& value) { patch.clip = static_cast<WeightGrid::Clip>(value.toInt()); });
    onChoice(m_scheme, [this](PlanPatch& patch, const QVariant& value) { patch = schemePatch(value.toInt()); });
    onChoice(m_activationSymmetric, [](PlanPatch& patch, const QVariant& value) { patch.activationSymmetric = value.toBool(); });
    onChoice(m_activationBits, [](PlanPatch& patch, const QVariant& value) { patch.activationBits = value.toInt(); });
    connect(m_alpha, &QDoubleSpinBox::valueChanged, this, [this](double value) {
        PlanPatch patch;
        const std::vector<Plan> plans = tried();
        if (std::any_of(plans.begin(), plans.end(), isFolded))
            patch.transform = MethodChoice{foldedTransform().id, {{"alpha", value}}};
        else
            patch.alpha = value;
        stage(patch);
    });
}

PlanPatch PlanEditor::schemePatch(int item) const
{
    PlanPatch patch;
    if (item == kFolded) {
        patch.scheme = ActivationScheme::PerToken;
        patch.activationSymmetric = true;
        patch.transform = MethodChoice{foldedTransform().id, {}};
        return patch;
    }
    patch.scheme = static_cast<ActivationScheme>(item);
    if (*patch.scheme == ActivationScheme::Cross || *patch.scheme == ActivationScheme::CrossStatic)
        patch.activationSymmetric = true;   // they have no zero point
    const std::vector<Plan> plans = tried();
    if (std::any_of(plans.begin(), plans.end(), hasFolded))
        patch.transform = MethodChoice{"none", {}};
    return patch;
}

void PlanEditor::addField(QGridLayout* grid, Field field, const QString& label, const QString& tip)
{
    field.editor->setAccessibleName(label);
    field.editor->setToolTip(tip);
    field.editor->setFixedWidth(kEditorWidth);
    field.label = new QLabel(label, this);
    field.label->setToolTip(tip);
    field.label->setFont(tabularFont(font(), false, 1));
    field.label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);   // a narrow dock cuts the label, not the field
    field.now = new QLabel(this);
    field.now->setObjectName(field.editor->objectName() + u"Now"_s);
    field.now->setFont(tabularFont(font(), false, 1));
    field.now->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    field.now->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    const int row = grid == m_grid ? m_row++ : grid->rowCount();
    field.row = row;
    grid->addWidget(field.label, row, 0, 1, 2);
    grid->addWidget(field.now, row, 1);
    grid->addWidget(field.editor, row, 2);
    field.now->hide();
    if (grid == m_grid)
        m_fields.push_back(std::move(field));
}

QComboBox* PlanEditor::addChoice(const QString& name, const QString& label, const QString& tip, std::function<QString(const Plan&)> text,
                                 std::function<bool(const PlanPatch&)> isTried)
{
    auto* box = new QComboBox(this);
    box->setObjectName(name);
    box->setPlaceholderText(tr("mixed"));
    box->setFocusPolicy(Qt::StrongFocus);
    addField(m_grid, {nullptr, nullptr, box, tip, std::move(text), std::move(isTried)}, label, tip);
    return box;
}

std::vector<Plan> PlanEditor::tried() const
{
    std::vector<Plan> plans;
    for (const Plan& plan : m_plans)
        plans.push_back(applied(plan, m_candidate));
    return plans;
}

void PlanEditor::setPlans(const std::vector<Plan>& plans, std::int64_t width)
{
    m_plans = plans;
    m_width = width;
    stage({});
}

void PlanEditor::setContract(const std::string& contract, const LinearInfo& linear)
{
    m_contract = contract;
    m_linear = linear;
    refresh();
}

void PlanEditor::setSite(const QStringList& others, std::function<std::string(const MethodChoice& transform)> whyNot)
{
    m_others = others;
    m_whyNot = std::move(whyNot);
    refresh();
}

/// Off where it cannot be, and whose it is too.
void PlanEditor::refreshTransforms()
{
    auto* items = static_cast<QStandardItemModel*>(m_transform->model());
    for (int i = 1; i < m_transform->count(); ++i) {
        const std::string id = m_transform->itemData(i).toString().toStdString();
        const std::string why = m_whyNot ? m_whyNot(defaultChoice(MethodKind::Transform, id)) : std::string();
        items->item(i)->setEnabled(why.empty());
        const MethodInfo* info = findMethod(MethodKind::Transform, id);
        m_transform->setItemData(i, (why.empty() ? toQString(info->summary) : toQString(why)).toHtmlEscaped(), Qt::ToolTipRole);
    }
    const std::vector<Plan> plans = tried();
    const bool some = m_candidate.transform || std::any_of(plans.begin(), plans.end(), [](const Plan& plan) { return plan.transform.method != "none"; });
    m_sharedRow->setVisible(some && !m_others.isEmpty());
    const QString names = m_others.size() < 2 ? m_others.join(QString()) : tr("%1 and %2").arg(m_others.mid(0, m_others.size() - 1).join(u", "_s), m_others.last());
    m_shared->setText(tr("shared with %1: they read the same activation and change together").arg(names));
    QPalette palette = m_shared->palette();
    palette.setColor(QPalette::WindowText, colours().faint);
    m_shared->setPalette(palette);
}

void PlanEditor::dropCandidate()
{
    m_candidate = {};
    refresh();
    Q_EMIT candidateChanged();
}

void PlanEditor::stage(const PlanPatch& patch)
{
    const PlanPatch before = m_candidate;
    m_candidate.merge(patch);
    // What is as it stands is no part of the candidate.
    eachPlanField([&](const auto& field) {
        PlanPatch without = m_candidate;
        (without.*field.key).reset();
        if (std::all_of(m_plans.begin(), m_plans.end(), [&](const Plan& plan) { return applied(plan, m_candidate) == applied(plan, without); }))
            m_candidate = without;
    });
    refresh();
    if (!(m_candidate == before))
        Q_EMIT candidateChanged();
}

void PlanEditor::offerGroups()
{
    const QSignalBlocker quiet(m_group);
    m_group->clear();
    m_group->addItem(tr("per channel"), 0);
    for (const int group : {16, 32, 64, 128, 256})
        if (m_width == 0 || m_width % group == 0)
            m_group->addItem(QString::number(group), group);
    for (const Plan& plan : m_plans)
        if (m_group->findData(plan.weights.group) < 0)
            m_group->addItem(QString::number(plan.weights.group), plan.weights.group);
}

void PlanEditor::refuse(QComboBox* box, const std::function<PlanPatch(const QVariant&)>& patch)
{
    auto* items = static_cast<QStandardItemModel*>(box->model());
    for (int i = 0; i < box->count(); ++i) {
        std::string reason;
        if (!m_contract.empty() && !m_plans.empty())
            reason = contractRefusal(m_contract, m_linear, applied(applied(m_plans.front(), m_candidate), patch(box->itemData(i))));
        items->item(i)->setEnabled(reason.empty());
        box->setItemData(i, reason.empty() ? box->itemData(i, kTipRole) : QVariant(toQString(reason).toHtmlEscaped()), Qt::ToolTipRole);
    }
}

void PlanEditor::refresh()
{
    offerGroups();
    const std::vector<Plan> plans = tried();
    showCommon(m_method, common(plans, [](const Plan& plan) { return toQString(plan.rounding.method); }));
    showCommon(m_transform, common(plans, [](const Plan& plan) { return toQString(plan.transform.method); }));
    showCommon(m_compensation, common(plans, [](const Plan& plan) { return toQString(plan.compensation.method); }));
    refreshTransforms();
    showCommon(m_bits, common(plans, [](const Plan& plan) { return plan.weights.bits; }));
    showCommon(m_group, common(plans, [](const Plan& plan) { return plan.weights.group; }));
    showCommon(m_symmetric, common(plans, [](const Plan& plan) { return plan.weights.symmetric; }));
    showCommon(m_clip, common(plans, [](const Plan& plan) { return int(plan.weights.clip); }));
    showCommon(m_scheme, common(plans, schemeItem));
    showCommon(m_activationSymmetric, common(plans, [](const Plan& plan) { return plan.activations.symmetric; }));
    showCommon(m_activationBits, common(plans, [](const Plan& plan) { return plan.activations.bits; }));
    const auto any = [&](auto says) { return std::any_of(plans.begin(), plans.end(), says); };
    const bool weights = any([](const Plan& plan) { return plan.weights.quantized(); });
    const bool activations = any([](const Plan& plan) { return plan.activations.quantized(); });
    for (QComboBox* box : {m_method, m_compensation, m_group, m_symmetric, m_clip})
        box->setEnabled(weights);
    m_activationBits->setEnabled(activations);
    m_activationSymmetric->setEnabled(any([](const Plan& plan) { return plan.activations.quantized() && plan.activations.scheme != ActivationScheme::Cross &&
                                                                        plan.activations.scheme != ActivationScheme::CrossStatic; }));
    m_alpha->setEnabled(any(isCross));
    {
        const QSignalBlocker quiet(m_alpha);
        const auto alpha = common(plans, alphaOf);
        m_alpha->setSpecialValueText(alpha ? QString() : tr("mixed"));
        m_alpha->setValue(alpha.value_or(0));
    }
    const auto single = [this](QComboBox* box, auto PlanPatch::* key, auto of) {
        refuse(box, [key, of](const QVariant& value) {
            PlanPatch patch;
            patch.*key = of(value);
            return patch;
        });
    };
    const auto number = [](const QVariant& value) { return value.toInt(); };
    single(m_bits, &PlanPatch::bits, number);
    single(m_group, &PlanPatch::group, number);
    single(m_symmetric, &PlanPatch::symmetric, [](const QVariant& value) { return value.toBool(); });
    refuse(m_scheme, [this](const QVariant& value) { return schemePatch(value.toInt()); });
    single(m_activationSymmetric, &PlanPatch::activationSymmetric, [](const QVariant& value) { return value.toBool(); });
    single(m_activationBits, &PlanPatch::activationBits, number);

    const QString weightsFloat = tr("The weights are not quantized: choose fewer weight bits first."), inputFloat = tr("The input is not quantized: choose how activations are rounded first."),
                  noZeroPoint = tr("The input is not quantized, or CrossQuant, which has no zero point."), notCross = tr("Only CrossQuant has it: choose it for the activations first.");
    for (const Field& field : m_fields) {
        const QString why = field.editor == m_alpha ? notCross : field.editor == m_activationBits ? inputFloat : field.editor == m_activationSymmetric ? noZeroPoint : weightsFloat;
        field.editor->setToolTip(!isEnabled() ? tr("The project is read-only.") : field.editor->isEnabled() ? field.tip : field.tip + u"\n"_s + why);
        const std::optional<QString> text = common(m_plans, field.text);
        const QString now = text.value_or(tr("mixed"));
        field.now->setText(field.now->fontMetrics().elidedText(now, Qt::ElideRight, kNowWidth));
        field.now->setToolTip(tr("Now: %1").arg(now));
        const bool isTried = field.isTried(m_candidate);
        // What stands is said beside what is tried; else the field itself says it, and the name has the room.
        if (field.now->isHidden() == isTried) {
            field.now->setVisible(isTried);
            m_grid->addWidget(field.label, field.row, 0, 1, isTried ? 1 : 2);
        }
        QFont font = field.editor->font();
        font.setBold(isTried);
        field.editor->setFont(font);
        QPalette palette = field.label->palette();
        palette.setColor(QPalette::WindowText, isTried ? colours().text : colours().faint);
        field.label->setPalette(palette);
        field.now->setPalette(palette);
    }
    refreshParameters();
}

void PlanEditor::setReadOnly(bool readOnly)
{
    setEnabled(!readOnly);
    refresh();
}

void PlanEditor::refreshParameters()
{
    const std::vector<Plan> plans = tried();
    const bool weights = std::any_of(plans.begin(), plans.end(), [](const Plan& plan) { return plan.weights.quantized(); });
    std::vector<std::pair<MethodKind, MethodChoice>> choices;
    const auto add = [&](MethodKind kind, const std::optional<MethodChoice>& shared) {
        const MethodInfo* info = shared ? findMethod(kind, shared->method) : nullptr;
        if (info && !info->parameters.empty())
            choices.emplace_back(kind, *shared);
    };
    add(MethodKind::Transform, common(plans, [](const Plan& plan) { return plan.transform; }));
    if (weights) {
        add(MethodKind::Rounding, common(plans, [](const Plan& plan) { return plan.rounding; }));
        add(MethodKind::Compensation, common(plans, [](const Plan& plan) { return plan.compensation; }));
    }
    if (choices == m_shownChoices)
        return;
    m_shownChoices = choices;
    while (QLayoutItem* item = m_parameterGrid->takeAt(0)) {
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    m_settings->setVisible(!choices.empty());
    m_parameters->setVisible(!choices.empty() && m_settings->isChecked());
    QStringList names;
    for (const auto& [kind, choice] : choices) {
        const MethodInfo* method = findMethod(kind, choice.method);
        names << toQString(method->name);
        if (choices.size() > 1) {
            auto* heading = new QLabel(toQString(method->name), m_parameters);
            heading->setFont(tabularFont(font(), false, 1));
            m_parameterGrid->addWidget(heading, m_parameterGrid->rowCount(), 0, 1, 3);
        }
        for (const ParameterInfo& info : method->parameters)
            addParameter(*method, info, choice);
    }
    m_settings->setText(names.size() == 1 ? tr("Settings of %1").arg(names.front()) : tr("Settings of %1 methods").arg(names.size()));
    m_settings->setToolTip(tr("Show what %1 can be told").arg(names.join(u", "_s)));
}

void PlanEditor::addParameter(const MethodInfo& method, const ParameterInfo& info, const MethodChoice& choice)
{
    // Later than the signal: the answer rebuilds these very widgets.
    const auto request = [this, kind = method.kind, id = method.id, key = info.key](const ParameterValue& value) {
        PlanPatch patch;
        (kind == MethodKind::Transform ? patch.transform : kind == MethodKind::Compensation ? patch.compensation : patch.rounding) = MethodChoice{id, {{key, value}}};
        QMetaObject::invokeMethod(this, [this, patch] { stage(patch); }, Qt::QueuedConnection);
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
        auto* box = new NumberBox(NumberBox::Steps::Scaled, m_parameters);
        box->setRange(static_cast<int>(info.minimum), static_cast<int>(info.maximum));
        box->setValue(static_cast<int>(choice.integer(info.key)));
        box->setKeyboardTracking(false);
        connect(box, &QSpinBox::valueChanged, this, [request](int value) { request(std::int64_t(value)); });
        field = box;
        break;
    }
    case ParameterInfo::Type::Real: {
        auto* box = new DecimalBox(m_parameters);
        box->setRange(info.minimum, info.maximum);
        box->setDecimals(4);
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
    const QString kind = method.kind == MethodKind::Transform ? u"transform_"_s : method.kind == MethodKind::Compensation ? u"compensation_"_s : u"parameter_"_s;
    field->setObjectName(kind + toQString(info.key));
    QString label = toQString(info.key).replace(u'_', u' ');
    label[0] = label[0].toUpper();
    addField(m_parameterGrid, {nullptr, nullptr, field, {}, {}, {}}, label, toQString(info.help));
}

} // namespace halftone
