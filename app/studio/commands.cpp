#include "app/studio/commands.h"

#include "app/studio/document.h"
#include "app/studio/text.h"

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
    PlanPatch rest = patch;
    const auto only = [&](auto PlanPatch::* member) {
        rest = patch;
        if (!(rest.*member))
            return false;
        (rest.*member).reset();
        return rest.empty();
    };
    if (only(&PlanPatch::bits))
        return Bits;
    if (only(&PlanPatch::group))
        return Group;
    if (only(&PlanPatch::symmetric))
        return Symmetry;
    if (only(&PlanPatch::rounding))
        return Method;
    if (only(&PlanPatch::scheme) || only(&PlanPatch::activationBits))
        return Activations;
    if (only(&PlanPatch::alpha))
        return Alpha;
    return Single;
}

QString editName(const QString& subject, const PlanPatch& patch)
{
    const auto tr = [](const char* text) { return QCoreApplication::translate("EditRecipe", text); };
    QStringList what;
    if (patch.bits && patch.group && patch.clip && patch.scheme && patch.rounding) {   // a whole plan
        const Plan plan = planOf(patch);
        const MethodInfo* info = findMethod(MethodKind::Rounding, plan.rounding.method);
        return u"%1 %2: %3"_s.arg(info ? toQString(info->name) : toQString(plan.rounding.method), shortGridText(plan.weights, plan.activations), subject);
    }
    if (patch.transform) {
        const MethodInfo* info = findMethod(MethodKind::Transform, patch.transform->method);
        what += info ? toQString(info->name) : tr("no transform");
    }
    if (patch.rounding) {
        const MethodInfo* info = findMethod(MethodKind::Rounding, patch.rounding->method);
        what += info ? toQString(info->name) : toQString(patch.rounding->method);
    }
    if (patch.bits)
        what += *patch.bits == 16 ? tr("not quantized") : tr("%1 bits").arg(*patch.bits);
    if (patch.group)
        what += *patch.group == 0 ? tr("per channel") : tr("groups of %1").arg(*patch.group);
    if (patch.clip)
        what += *patch.clip == WeightGrid::Clip::Mse ? tr("clipped") : tr("not clipped");
    if (patch.symmetric)
        what += *patch.symmetric ? tr("symmetric") : tr("asymmetric");
    if (patch.scheme || patch.activationBits || patch.activationSymmetric || patch.alpha) {
        QString activations = tr("activations");
        if (patch.scheme)
            activations += u' ' + toQString(halftone::name(*patch.scheme));
        if (patch.activationBits)
            activations += tr(" %1 bits").arg(*patch.activationBits);
        if (patch.activationSymmetric)
            activations += *patch.activationSymmetric ? tr(" symmetric") : tr(" asymmetric");
        if (patch.alpha)
            activations += tr(" α %1").arg(*patch.alpha);
        what += activations;
    }
    if (what.isEmpty())
        what += tr("plan");
    return u"%1: %2"_s.arg(what.join(u", "_s), subject);
}

} // namespace halftone
