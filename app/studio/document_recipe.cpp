// The part of the document that changes the recipe: every change is tried on a copy first, so that what stands always resolves.

#include "app/studio/document.h"

#include "app/studio/commands.h"
#include "app/studio/text.h"

namespace halftone {

using namespace Qt::StringLiterals;

const Plan* Document::plan(const std::string& name) const
{
    const auto found = m_linearIndex.constFind(toQString(name));
    if (found == m_linearIndex.cend())
        return nullptr;
    const auto index = static_cast<std::size_t>(*found);
    if (index < m_plans.size() && m_plans[index].linear == name)
        return &m_plans[index].plan;
    for (const ResolvedPlan& resolved : m_plans)
        if (resolved.linear == name)
            return &resolved.plan;
    return nullptr;
}

void Document::resolveNow()
{
    m_plans = resolve(m_recipe, m_model);
    m_size = estimateSize(m_plans, m_model);
    m_issues = m_recipe.contract.empty() ? std::vector<ContractIssue>{} : checkContract(m_recipe.contract, m_plans, m_model);
}

void Document::swapRecipe(Recipe& other)
{
    std::swap(m_recipe, other);
    resolveNow();   // never throws here: both recipes were tried before they came in
    autosave();
    Q_EMIT recipeChanged();
}

void Document::autosave()
{
    m_unsaved = true;
    if (!readOnly() && !m_saveTimer.isActive())
        m_saveTimer.start();
}

bool Document::tryRecipe(Recipe& edited, const std::function<void(Recipe&)>& edit)
{
    try {
        edit(edited);
        resolve(edited, m_model);
        return true;
    } catch (const Error& e) {
        Q_EMIT recipeRejected(toQString(e.what()), toQString(e.subject()));
        return false;
    }
}

bool Document::pushRecipe(const QString& name, int kind, const QStringList& subject, const std::function<void(Recipe&)>& edit)
{
    if (!isOpen())
        return false;
    Recipe edited = m_recipe;
    if (!tryRecipe(edited, edit))
        return false;
    if (edited == m_recipe)
        return true;
    m_undo.push(new EditRecipe(*this, std::move(edited), name, kind, subject));
    return true;
}

bool Document::editPlans(const QStringList& linears, const PlanPatch& patch, const QString& name)
{
    if (linears.isEmpty() || patch.empty())
        return false;
    return pushRecipe(name.isEmpty() ? editName(linears, patch) : name, EditRecipe::kindOf(patch), linears, [&](Recipe& recipe) {
        for (const QString& linear : linears)
            setPlan(recipe, m_model, linear.toStdString(), patch);
    });
}

bool Document::resetPlans(const QStringList& linears)
{
    const QString subject = linears.size() == 1 ? linears.front() : tr("%1 linears").arg(linears.size());
    return pushRecipe(tr("Back to the rules: %1").arg(subject), EditRecipe::Single, linears, [&](Recipe& recipe) {
        std::erase_if(recipe.rules, [&](const Rule& rule) { return linears.contains(toQString(rule.match)); });
    });
}

bool Document::applyPreset(const Preset& preset)
{
    return pushRecipe(tr("Preset %1").arg(toQString(preset.name)), EditRecipe::Single, {}, [&](Recipe& recipe) {
        const Recipe fitted = presetForModel(preset.id, m_model);
        recipe.defaults = fitted.defaults;
        recipe.rules = fitted.rules;
    });
}

bool Document::applyPreset(const Preset& preset, const QStringList& linears)
{
    const QString subject = linears.size() == 1 ? linears.front() : tr("%1 linears").arg(linears.size());
    return pushRecipe(tr("Preset %1: %2").arg(toQString(preset.name), subject), EditRecipe::Single, linears, [&](Recipe& recipe) {
        const Recipe fitted = presetForModel(preset.id, m_model);
        for (const QString& linear : linears)
            setPlan(recipe, m_model, linear.toStdString(), patchOf(fitted, linear.toStdString()));
    });
}

bool Document::replaceRecipe(const Recipe& replacement, const QString& name)
{
    return pushRecipe(name, EditRecipe::Single, {}, [&](Recipe& recipe) { recipe = replacement; });
}

bool Document::setCalibration(const CalibrationSettings& settings)
{
    return pushRecipe(tr("Calibration %1 × %2").arg(settings.samples).arg(settings.length), EditRecipe::Calibration, {},
                      [&](Recipe& recipe) { recipe.calibration = settings; });
}

bool Document::setContract(const QString& contract)
{
    return pushRecipe(contract.isEmpty() ? tr("No contract") : tr("Contract %1").arg(contract), EditRecipe::Contract, {},
                      [&](Recipe& recipe) { recipe.contract = contract.toStdString(); });
}

bool Document::addRule(const Rule& rule, const QString& name)
{
    return pushRecipe(name, EditRecipe::Single, {}, [&](Recipe& recipe) { recipe.rules.push_back(rule); });
}

} // namespace halftone
