#include "app/studio/commands.h"

#include "app/studio/document.h"
#include "app/studio/text.h"
#include "core/recipe/plan_fields.h"

#include <QCoreApplication>

namespace halftone {

using namespace Qt::StringLiterals;

EditRecipe::EditRecipe(Document& document, Recipe edited, const QString& name, int kind, QStringList subject)
    : QUndoCommand(name)
    , m_document(document)
    , m_other(std::move(edited))
    , m_kind(kind)
    , m_subject(std::move(subject))
{
}

void EditRecipe::undo()
{
    m_document.swapRecipe(m_other);
}

void EditRecipe::redo()
{
    m_document.swapRecipe(m_other);
}

bool EditRecipe::mergeWith(const QUndoCommand* next)
{
    const auto* other = static_cast<const EditRecipe*>(next);
    if (other->m_subject != m_subject)
        return false;
    setText(other->text());
    setObsolete(m_document.recipe() == m_other);   // m_other: what undo would bring back
    return true;
}

int EditRecipe::kindOf(const PlanPatch& patch)
{
    int kind = Single, set = 0, index = 0;
    eachPlanField([&](const auto& field) {
        if (field.isIn(patch)) {
            kind = Field + index;
            ++set;
        }
        ++index;
    });
    return set == 1 ? kind : Single;
}

namespace {

QString tr(const char* text) { return QCoreApplication::translate("EditRecipe", text); }

QString words(MethodKind kind, const std::string& method)
{
    if (const MethodInfo* info = findMethod(kind, method))
        return toQString(info->name);
    return method != "none" ? toQString(method) : kind == MethodKind::Transform ? tr("no transform") : kind == MethodKind::Compensation ? tr("no compensation") : tr("not rounded");
}

/// A field's value in a step's name where it has no phrase of its own.
QString valueText(const MethodChoice& choice, const AsMethod& as) { return words(as.kind, choice.method); }
QString valueText(bool on, AsFlag) { return on ? tr("on") : tr("off"); }
template <typename Value> QString valueText(Value value, const AsWord<Value>& as)
{
    for (const auto& word : as.words)
        if (word.value == value)
            return toQString(word.word);
    return {};
}
template <typename Value, typename Notation> QString valueText(Value value, const Notation&) { return QString::number(value); }

/// Phrases of the fields that have one.
std::optional<QString> phrase(const PlanPatch& patch, std::string_view path)
{
    if (path == "transform")
        return words(MethodKind::Transform, patch.transform->method);
    if (path == "rounding")
        return words(MethodKind::Rounding, patch.rounding->method);
    if (path == "compensation")
        return words(MethodKind::Compensation, patch.compensation->method);
    if (path == "weights.bits")
        return *patch.bits == 16 ? tr("not quantized") : tr("%1 bits").arg(*patch.bits);
    if (path == "weights.group")
        return *patch.group == 0 ? tr("per channel") : tr("groups of %1").arg(*patch.group);
    if (path == "weights.clip")
        return *patch.clip == WeightGrid::Clip::Mse ? tr("clipped") : tr("not clipped");
    if (path == "weights.symmetric")
        return *patch.symmetric ? tr("symmetric") : tr("asymmetric");
    return std::nullopt;
}

/// All that a patch says of activations, in one phrase.
QString activationsPhrase(const PlanPatch& patch)
{
    QString activations = tr("activations");
    if (patch.scheme)
        activations += u' ' + toQString(halftone::name(*patch.scheme));
    if (patch.activationBits)
        activations += tr(" %1 bits").arg(*patch.activationBits);
    if (patch.activationSymmetric)
        activations += *patch.activationSymmetric ? tr(" symmetric") : tr(" asymmetric");
    if (patch.alpha)
        activations += tr(" α %1").arg(*patch.alpha);
    return activations;
}

} // namespace

QString editName(const QString& subject, const PlanPatch& patch)
{
    QStringList what;
    bool whole = true, activations = false;
    eachPlanField([&](const auto& field) {
        whole = whole && field.isIn(patch);
        if (!field.isIn(patch))
            return;
        if (field.part == PlanPart::Activations)
            activations = true;
        else
            what += phrase(patch, field.path).value_or(toQString(field.label) + u' ' + valueText(*(patch.*field.key), field.notation));
    });
    if (whole) {
        const Plan plan = planOf(patch);
        return u"%1 %2: %3"_s.arg(words(MethodKind::Rounding, plan.rounding.method), shortGridText(plan.weights, plan.activations), subject);
    }
    if (activations)
        what += activationsPhrase(patch);
    if (what.isEmpty())
        what += tr("plan");
    return u"%1: %2"_s.arg(what.join(u", "_s), subject);
}

} // namespace halftone
