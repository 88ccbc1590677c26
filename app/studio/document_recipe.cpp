// The part of the document that changes the recipe: every change is tried on a copy first, so that what stands always resolves.

#include "app/studio/document.h"

#include "app/studio/commands.h"
#include "app/studio/text.h"
#include "core/base/error_text.h"
#include "core/recipe/bulk_edit.h"
#include "core/recipe/preset_fit.h"

#include <QSet>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

std::vector<std::string> names(const QStringList& linears)
{
    std::vector<std::string> all;
    all.reserve(static_cast<std::size_t>(linears.size()));
    for (const QString& linear : linears)
        all.push_back(linear.toStdString());
    return all;
}

} // namespace

/// What is wrong, without the place in the file that a person here never sees.
QString Document::sentenceOf(const Error& error)
{
    return toQString(withoutPlace(error));
}

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
    m_packing = packingOf(m_plans, m_model, m_recipe.kvCache);
    m_issues = m_recipe.contract.empty() ? std::vector<ContractIssue>{} : checkContract(m_recipe.contract, m_plans, m_model, m_recipe.kvCache);
    m_ties = contractTies(m_recipe.contract, m_model);
}

bool Document::isRecipeOf(const RunInfo& run) const
{
    const QString id = toQString(run.id);
    auto known = m_resolved.constFind(id);
    if (known == m_resolved.cend() || known->recipe != run.recipeJson) {
        Resolved resolved{run.recipeJson, {}, {}};
        try {
            const Recipe recipe = Recipe::parse(run.recipeJson, run.id);
            resolved.plans = plansOfRun(recipe, m_model);
            resolved.kvCache = recipe.kvCache;
        } catch (const Error&) {   // of another version: then it is not this one
        }
        known = m_resolved.insert(id, std::move(resolved));
    }
    return m_recipe.kvCache == known->kvCache
        && std::equal(m_plans.begin(), m_plans.end(), known->plans.begin(), known->plans.end(),
                      [](const ResolvedPlan& a, const ResolvedPlan& b) { return a.linear == b.linear && a.plan == b.plan; });
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
        Q_EMIT recipeRejected(sentenceOf(e), toQString(e.subject()));
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

QStringList Document::linearsOfKind(const std::string& name) const
{
    QStringList all;
    const LinearInfo* one = linear(name);
    for (const LinearInfo& other : m_model.linears)
        if (one && other.shortName() == one->shortName())
            all.append(toQString(other.name));
    return all;
}

QStringList Document::withTied(const QStringList& linears) const
{
    QSet<QString> chosen(linears.begin(), linears.end());
    for (const ContractTie& tie : m_ties) {
        const auto isChosen = [&](const std::string& name) { return chosen.contains(toQString(name)); };
        if (std::any_of(tie.linears.begin(), tie.linears.end(), isChosen))
            for (const std::string& name : tie.linears)
                chosen.insert(toQString(name));
    }
    QStringList all = linears;
    for (const LinearInfo& linear : m_model.linears)
        if (const QString name = toQString(linear.name); chosen.contains(name) && !linears.contains(name))
            all.append(name);
    return all;
}

/// With the other linears of their sites.
QStringList Document::withSites(const QStringList& linears) const
{
    QStringList all = linears;
    QSet<QString> known(linears.begin(), linears.end());
    for (const QString& name : linears)
        if (const LinearInfo* info = linear(name.toStdString()))
            if (const SiteInfo* fed = site(info->block, info->site))
                for (const std::string& other : fed->linears)
                    if (const QString text = toQString(other); !known.contains(text)) {
                        known.insert(text);
                        all.append(text);
                    }
    return all;
}

/// "model.layers.3.mlp.up_proj", "all down_proj", "block 3", "all linears", "5 linears".
QString Document::subjectText(const QStringList& linears) const
{
    if (linears.size() == 1)
        return linears.front();
    if (static_cast<std::size_t>(linears.size()) == m_model.linears.size())
        return tr("all linears");
    const LinearInfo* first = linears.isEmpty() ? nullptr : linear(linears.front().toStdString());
    if (first && linearsOfKind(first->name) == linears)
        return tr("all %1").arg(toQString(first->shortName()));
    const auto inBlock = std::count_if(m_model.linears.begin(), m_model.linears.end(), [&](const LinearInfo& other) { return first && other.block == first->block; });
    const auto isThere = [&](const QString& name) {
        const LinearInfo* info = linear(name.toStdString());
        return info && info->block == first->block;
    };
    if (first && linears.size() == inBlock && std::all_of(linears.begin(), linears.end(), isThere))
        return tr("block %1").arg(first->block);
    return tr("%1 linears").arg(linears.size());
}

bool Document::editPlans(const QStringList& linears, const PlanPatch& patch, const QString& name)
{
    if (linears.isEmpty() || patch.empty())
        return false;
    const PlanPatch tied = tiedPart(patch);
    QStringList all = tied.empty() ? linears : withTied(linears);
    const bool moves = patch.transform && (patch.transform->method != "none" || std::any_of(linears.begin(), linears.end(), [this](const QString& linear) {
        const Plan* now = plan(linear.toStdString());
        return now && now->transform.method != "none";
    }));
    if (moves)
        all = withSites(all);
    const bool done = pushRecipe(name.isEmpty() ? editName(subjectText(all), patch) : name, EditRecipe::kindOf(patch), all, [&](Recipe& recipe) {
        if (tied == patch) {
            setPlans(recipe, m_model, names(all), patch);
            return;
        }
        setPlans(recipe, m_model, names(linears), patch);
        const QStringList others = tied.empty() ? QStringList() : withTied(linears).mid(linears.size());
        if (!others.isEmpty())
            setPlans(recipe, m_model, names(others), tied);
    });
    if (done && moves && all.size() > linears.size()) {
        QStringList others;
        for (const QString& linear : all.mid(linears.size()))
            if (others.size() < 4)
                others << linear.mid(linear.lastIndexOf(u'.') + 1);
        if (others.size() < all.size() - linears.size())
            others << tr("others");
        Q_EMIT transformShared(tr("The transform is that of %1 too: they read the same activation.").arg(others.join(u", "_s)));
    }
    return done;
}

bool Document::resetPlans(const QStringList& linears)
{
    const QStringList all = withTied(linears);
    return pushRecipe(tr("Back to the rules: %1").arg(subjectText(all)), EditRecipe::Single, all,
                      [&](Recipe& recipe) { halftone::resetPlans(recipe, m_model, names(all)); });
}

bool Document::applyPreset(const Preset& preset)
{
    return pushRecipe(tr("Preset %1").arg(toQString(preset.name)), EditRecipe::Single, {}, [&](Recipe& recipe) { recipe = withPreset(std::move(recipe), preset, m_model, m_analysis); });
}

bool Document::applyPreset(const Preset& preset, const QStringList& linears)
{
    const QStringList all = withTied(linears);
    return pushRecipe(tr("Preset %1: %2").arg(toQString(preset.name), subjectText(all)), EditRecipe::Single, all, [&](Recipe& recipe) {
        const Recipe fitted = presetForModel(preset, m_model, m_analysis);
        for (const QString& linear : all)
            setPlan(recipe, m_model, linear.toStdString(), wholePatch(planOf(fitted, linear.toStdString())));
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

bool Document::setKvCache(const KvCacheGrid& grid)
{
    return pushRecipe(tr("KV cache: %1").arg(kvCacheText(grid)), EditRecipe::KvCache, {}, [&](Recipe& recipe) { recipe.kvCache = grid; });
}

bool Document::makeRule(const QString& glob, const QStringList& linears, const QString& like)
{
    const Plan* found = plan(like.toStdString());
    if (!found || linears.isEmpty())
        return false;
    const QStringList all = withTied(linears);
    // A person's own pattern is kept; where it does not say just these linears, patterns that do.
    const bool isWhole = !glob.isEmpty() && all.size() == linears.size();
    const std::vector<std::string> globs = isWhole ? std::vector{glob.toStdString()} : globsFor(m_model, names(all));
    const QString text = isWhole ? glob : subjectText(all);
    return pushRecipe(tr("Rule %1, as %2").arg(text, like), EditRecipe::Single, all, [&, wanted = *found](Recipe& recipe) {
        for (const std::string& one : globs)
            setRule(recipe, m_model, one, wanted);
    });
}

} // namespace halftone
