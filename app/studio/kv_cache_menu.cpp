#include "app/studio/kv_cache_menu.h"

#include "app/studio/text.h"
#include "core/recipe/recipe.h"
#include "widgets/action_reason.h"

#include <QActionGroup>

namespace halftone {

using namespace Qt::StringLiterals;
using Scheme = KvCacheGrid::Scheme;
using Position = KvCacheGrid::Position;

namespace {

/// Why a contract refuses a grid; empty where it does not.
QString refusal(const std::string& contract, const KvCacheGrid& grid, const ModelConfig& config)
{
    ModelDescription alone;
    alone.config = config;
    for (const ContractIssue& issue : checkContract(contract, {}, alone, grid))
        if (issue.fatal)
            return toQString(issue.reason);
    return {};
}

} // namespace

KvCacheMenu::KvCacheMenu(QWidget* parent) : QMenu(parent)
{
    setObjectName(u"kvCacheMenu"_s);
    setTitle(tr("&KV cache"));
    m_schemes = new QActionGroup(this);
    addChoice(m_schemes, u"kvCache-none"_s, tr("&Float"), tr("Keys and values stay as they are"), int(Scheme::None));
    addChoice(m_schemes, u"kvCache-per_token"_s, tr("Rounded per &token"), tr("One range for all heads of a token: LRQ's KV8"), int(Scheme::PerToken));
    addChoice(m_schemes, u"kvCache-per_token_head"_s, tr("Rounded per token and &head"), tr("One range a head of a token: OmniQuant's; transformers serves it"),
              int(Scheme::PerTokenHead));
    addSeparator();
    m_bits = new QActionGroup(this);
    for (const int bits : {8, 6, 5, 4, 3, 2})
        addChoice(m_bits, u"kvCacheBits-%1"_s.arg(bits), tr("%1 bits of KV cache").arg(bits), tr("Bits of a key or value in the cache"), bits);
    addSeparator();
    const auto addSwitch = [this](const QString& name, const QString& text, const QString& tip, auto set) {
        QAction* action = addAction(text);
        action->setObjectName(name);
        action->setCheckable(true);
        describeAction(*action, tip);
        setConsequential(*action);
        connect(action, &QAction::triggered, this, [this, set](bool on) {
            KvCacheGrid grid = m_grid;
            set(grid, on);
            request(grid);
        });
        return action;
    };
    m_symmetric = addSwitch(u"kvCacheSymmetric"_s, tr("&Symmetric KV cache"), tr("No zero point: the range reaches as far below 0 as above"),
                            [](KvCacheGrid& grid, bool on) { grid.symmetric = on; });
    m_before = addSwitch(u"kvCacheBefore"_s, tr("Keys &before the rotation"), tr("Round keys as their projection gives them, before RoPE, as LRQ does; off: as caches hold them"),
                         [](KvCacheGrid& grid, bool on) { grid.position = on ? Position::PreRope : Position::PostRope; });
    m_queries = addSwitch(u"kvCacheQueries"_s, tr("&Queries too"), tr("Round queries with the same grid, as OmniQuant's 4-bit setting does"),
                          [](KvCacheGrid& grid, bool on) { grid.queries = on; });
    connect(m_schemes, &QActionGroup::triggered, this, [this](const QAction* action) {
        KvCacheGrid grid = m_grid;
        grid.scheme = static_cast<Scheme>(action->data().toInt());
        request(grid.scheme == Scheme::None ? KvCacheGrid{} : grid);
    });
    connect(m_bits, &QActionGroup::triggered, this, [this](const QAction* action) {
        KvCacheGrid grid = m_grid;
        grid.bits = action->data().toInt();
        request(grid);
    });
}

QAction* KvCacheMenu::addChoice(QActionGroup* group, const QString& name, const QString& text, const QString& tip, int value)
{
    QAction* action = addAction(text);
    action->setObjectName(name);
    action->setCheckable(true);
    action->setData(value);
    describeAction(*action, tip);
    setConsequential(*action);
    group->addAction(action);
    return action;
}

void KvCacheMenu::request(const KvCacheGrid& grid)
{
    if (!(grid == m_grid))
        Q_EMIT gridRequested(grid);
}

void KvCacheMenu::setGrid(const KvCacheGrid& grid, const std::string& contract, const ModelConfig& config)
{
    m_grid = grid;
    const auto limit = [&](QAction* action, bool checked, const KvCacheGrid& wanted) {
        action->setChecked(checked);
        const QString why = refusal(contract, wanted, config);
        setActionEnabled(*action, why.isEmpty() || checked, why);
    };
    for (QAction* action : m_schemes->actions()) {
        KvCacheGrid wanted = grid;
        wanted.scheme = static_cast<Scheme>(action->data().toInt());
        limit(action, wanted.scheme == grid.scheme, wanted);
    }
    const bool rounded = grid.scheme != Scheme::None;
    const QString isFloat = tr("The KV cache is float: choose how it is rounded first.");
    for (QAction* action : m_bits->actions()) {
        action->setChecked(action->data().toInt() == grid.bits);
        setActionEnabled(*action, rounded, isFloat);
    }
    const auto limitSwitch = [&](QAction* action, bool on, const auto& set) {
        KvCacheGrid wanted = grid;
        set(wanted);
        limit(action, on, wanted);
        if (!rounded)
            setActionEnabled(*action, false, isFloat);
    };
    limitSwitch(m_symmetric, grid.symmetric, [](KvCacheGrid& g) { g.symmetric = true; });
    limitSwitch(m_before, grid.position == Position::PreRope, [](KvCacheGrid& g) { g.position = Position::PreRope; });
    limitSwitch(m_queries, grid.queries, [](KvCacheGrid& g) { g.queries = true; });
}

void KvCacheMenu::setClosed(const QString& reason)
{
    for (QAction* action : actions())
        if (!action->isSeparator())
            setActionEnabled(*action, false, reason);
}

} // namespace halftone
