#include "app/studio/runs_table.h"

#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/column_fitter.h"
#include "widgets/elided_label.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"
#include "widgets/plot_style.h"

#include <QAction>
#include <QApplication>
#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>

#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

void RunsModel::setAtWork(const QString& run)
{
    if (run == m_atWork)
        return;
    m_atWork = run;
    if (!m_runs.empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, Columns - 1));
}

void RunsModel::setRuns(const std::vector<RunInfo>& runs)
{
    beginResetModel();
    m_runs.assign(runs.rbegin(), runs.rend());
    endResetModel();
}

int RunsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_runs.size());
}

int RunsModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

/// With what a narrow table has no column for.
QString RunsModel::tipOf(const RunInfo& run) const
{
    QStringList lines{runTitle(run), tr("%1 of %2 blocks").arg(run.blocksDone).arg(run.blocks)};
    if (run.state == "done")
        lines.last() += u" · "_s + tr("%1 bits a weight · %2 · %3").arg(formatValue(run.bitsPerWeight, 3), formatBytes(run.bytes), formatDuration(run.seconds));
    if (run.peakBytes > 0)
        lines.last() += u" · "_s + tr("peak %1").arg(formatBytes(run.peakBytes));
    if (!run.note.empty())
        lines << toQString(run.note);
    return lines.join(u'\n');
}

QVariant RunsModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const RunInfo& run = runAt(index.row());
    const bool done = run.state == "done";
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (index.column() <= State || index.column() == Created ? Qt::AlignLeft : Qt::AlignRight));
    if (role == Qt::FontRole)
        return index.column() <= State ? QVariant() : QVariant(tabularFont(QApplication::font()));
    if (role == Qt::DecorationRole && index.column() == Id)
        return runMark(toQString(run.id), qApp->devicePixelRatio());
    if (role == Qt::ForegroundRole && index.column() == State && run.flags > 0)
        return colours().warning;
    if (role == Qt::ToolTipRole && index.column() == State && run.canaryReference > 0)
        return tr("%1: perplexity of 128 unseen tokens against the float model's. It shows faults, not quality: Evaluate ranks runs.").arg(canaryText(run));
    if (role == Qt::ToolTipRole && index.column() == Created)
        return QDateTime::fromString(toQString(run.created), Qt::ISODate).toLocalTime().toString(u"yyyy-MM-dd HH:mm:ss"_s);
    if (role == Qt::ToolTipRole && index.column() == Id)
        return plainTip(tipOf(run));
    if (role == Qt::ToolTipRole && index.column() == Method)
        return plainTip(toQString(run.recipeJson));
    if (role != Qt::DisplayRole)
        return {};
    const QString none = u"–"_s;
    switch (static_cast<Column>(index.column())) {
    case Id: return plainText(run.note.empty() ? runTitle(run) : tr("%1 *").arg(runTitle(run)));   // the note is in the tip
    case Method: return m_methods.value(toQString(run.id), none);
    case State: {
        const QString state = done ? tr("done") : toQString(run.id) == m_atWork ? tr("at work") : tr("interrupted");
        return run.flags == 0 ? state : run.flags == 1 ? tr("%1, 1 flag").arg(state) : tr("%1, %2 flags").arg(state).arg(run.flags);
    }
    case Blocks: return u"%1 / %2"_s.arg(run.blocksDone).arg(run.blocks);
    case Bits: return done ? formatValue(run.bitsPerWeight, 3) : none;
    case Size: return done ? formatBytes(run.bytes) : none;
    case Time: return done ? formatDuration(run.seconds) : none;
    case Memory: return run.peakBytes > 0 ? formatBytes(run.peakBytes) : none;
    case Created: {
        const QDateTime when = QDateTime::fromString(toQString(run.created), Qt::ISODate);
        const QDateTime local = when.toLocalTime();
        const bool thisYear = local.date().year() == QDate::currentDate().year();
        return !when.isValid() ? toQString(run.created) : local.toString(local.date() == QDate::currentDate() ? u"HH:mm"_s : thisYear ? u"MM-dd HH:mm"_s : u"yyyy-MM-dd"_s);
    }
    case Columns: break;
    }
    return {};
}

QVariant RunsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= Columns)
        return {};
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Run"), QT_TR_NOOP("Method"), QT_TR_NOOP("State"), QT_TR_NOOP("Blocks"), QT_TR_NOOP("Bits"),
                                                              QT_TR_NOOP("Size"), QT_TR_NOOP("Time"), QT_TR_NOOP("Peak"), QT_TR_NOOP("Started")};
    if (role == Qt::DisplayRole)
        return tr(kTitles[static_cast<std::size_t>(section)]);
    if (role == Qt::ToolTipRole)
        return section == Bits ? tr("Bits per weight; scales and zero points included") : section == Memory ? tr("Peak memory of the run") : QVariant();
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section <= State || section == Created ? Qt::AlignLeft : Qt::AlignRight));
    return {};
}

RunsTable::RunsTable(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"runsTable"_s);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    auto* title = new QLabel(tr("Runs"), this);
    QFont bold = title->font();
    bold.setBold(true);
    title->setFont(bold);
    m_size = new ElidedLabel(this, Qt::ElideRight);
    m_size->setObjectName(u"projectSize"_s);
    m_size->setFaint(true);
    auto* head = new QHBoxLayout;
    head->setSpacing(12);
    head->addWidget(title);
    head->addWidget(m_size, 1);
    layout->addLayout(head);
    m_stack = new QStackedLayout;
    layout->addLayout(m_stack, 1);
    m_model = new RunsModel(this);
    m_table = new QTableView(this);
    m_table->setObjectName(u"runs"_s);
    m_table->setAccessibleName(tr("Runs of this project"));
    m_table->setModel(m_model);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(24);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setTextElideMode(Qt::ElideMiddle);
    auto* fitter = new ColumnFitter(m_table, RunsModel::Method, 84, {RunsModel::Memory, RunsModel::Time, RunsModel::Size, RunsModel::Bits, RunsModel::Blocks}, [](const QString& blocks) {
        const QStringList sides = blocks.split(u" / "_s);
        return sides.size() == 2 && sides[0] == sides[1];   // of a run that is done
    });
    fitter->setMost(RunsModel::Id, 180);
    fitter->setLast({RunsModel::Memory, RunsModel::Time, RunsModel::Size, RunsModel::Blocks});
    m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
    const auto add = [this](const QString& text, const QString& name, const QString& tip, const QKeySequence& keys, auto signal) {
        auto* action = new QAction(text, m_table);
        action->setObjectName(name);
        action->setShortcut(keys);
        action->setShortcutContext(Qt::WidgetShortcut);
        describeAction(*action, tip);
        m_table->addAction(action);
        connect(action, &QAction::triggered, this, [this, signal] {
            if (const RunInfo* run = current())
                Q_EMIT (this->*signal)(toQString(run->id));
        });
        return action;
    };
    const auto separate = [this] {
        auto* line = new QAction(m_table);
        line->setSeparator(true);
        m_table->addAction(line);
    };
    m_resume = add(tr("&Resume"), u"runResume"_s, tr("Go on with the interrupted run, from its last finished block, as it was begun"), {}, &RunsTable::resumeRequested);
    m_evaluate = add(tr("&Evaluate…"), u"runEvaluate"_s, tr("Measure the run that is selected"), {}, &RunsTable::evaluateRequested);
    m_export = add(tr("E&xport…"), u"runExport"_s, tr("Write the run that is selected as a checkpoint"), {}, &RunsTable::exportRequested);
    m_recipe = add(tr("&Take its recipe"), u"runRecipe"_s, tr("Edit the recipe that this run took; one undo step"), {}, &RunsTable::recipeRequested);
    m_branch = add(tr("&Branch from its blocks…"), u"runBranch"_s, tr("Quantize with the recipe as it is now, and take over this run's first blocks as far as their plans are the same"), {}, &RunsTable::branchRequested);
    separate();
    m_label = add(tr("&Name and note…"), u"runLabel"_s, tr("Words of your own for the run that is selected, kept in the project"), QKeySequence(Qt::Key_F2), &RunsTable::labelRequested);
    m_delete = add(tr("&Delete…"), u"runDelete"_s, tr("Take the run that is selected out of the project, and its files off the disk"), QKeySequence(Qt::Key_Delete), &RunsTable::deleteRequested);
    m_empty = new EmptyState(this);
    m_stack->addWidget(m_empty);
    m_stack->addWidget(m_table);
    connect(m_empty, &EmptyState::clicked, this, &RunsTable::quantizeRequested);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &RunsTable::updateActions);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& current) {
        updateActions();
        if (!m_telling || !current.isValid())
            return;
        m_chosen = toQString(m_model->runAt(current.row()).id);
        Q_EMIT runChosen(m_chosen);
    });
    updateActions();
}

const RunInfo* RunsTable::current() const
{
    const QModelIndexList rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? nullptr : &m_model->runAt(rows.front().row());
}

void RunsTable::updateActions()
{
    const RunInfo* run = current();
    const QString none = m_model->rowCount() == 0 ? tr("There is no run yet: quantize first.") : tr("Select a run in the Runs table first.");
    const bool done = run && run->state == "done", atWork = run && toQString(run->id) == m_model->atWork();
    const QString busy = tr("A job is at work on this run."), locked = tr("The project is open read-only.");
    setActionEnabled(*m_resume, run && !done && !atWork && !m_readOnly, !run ? none : done ? tr("This run is done.") : atWork ? busy : locked);
    for (QAction* action : {m_evaluate, m_export})
        setActionEnabled(*action, done, !run ? none : tr("This run is not finished: resume it first."));
    setActionEnabled(*m_recipe, run != nullptr, none);
    setActionEnabled(*m_branch, run && run->blocksDone > 0 && !atWork && !m_readOnly, !run ? none : atWork ? busy : m_readOnly ? locked : tr("This run has no finished block yet."));
    setActionEnabled(*m_label, run && !m_readOnly, !run ? none : locked);
    setActionEnabled(*m_delete, run && !atWork && !m_readOnly, !run ? none : atWork ? busy : locked);
}

void RunsTable::setAtWork(const QString& run)
{
    if (run == m_model->atWork())
        return;
    m_model->setAtWork(run);
    updateActions();
}

void RunsTable::setReadOnly(bool readOnly)
{
    m_readOnly = readOnly;
    updateActions();
}

void RunsTable::setProjectBytes(std::uint64_t bytes)
{
    m_bytes = bytes;
    updateSize();
}

void RunsTable::updateSize()
{
    const int runs = m_model->rowCount();
    const QString count = runs == 1 ? tr("1 run") : tr("%1 runs").arg(runs);
    m_size->setText(m_bytes == 0 ? QString() : tr("%1 on disk, %2").arg(formatBytes(m_bytes), count));
    m_size->setToolTip(tr("What the project's folder holds; the File menu shows it in the file manager"));
}

void RunsTable::setRuns(const std::vector<RunInfo>& runs, bool documentOpen)
{
    m_telling = false;
    m_model->setRuns(runs);
    m_telling = true;
    setChosen(m_chosen);
    m_empty->setTexts(documentOpen ? tr("No run yet. A run quantizes every linear as the recipe says and keeps the result in the project.")
                                   : tr("Open a model first."),
                      documentOpen ? tr("Quantize…") : QString());
    updateSize();
    updateActions();
    m_stack->setCurrentWidget(runs.empty() ? static_cast<QWidget*>(m_empty) : m_table);
}

void RunsTable::setChosen(const QString& run)
{
    m_chosen = run;
    m_telling = false;
    m_table->clearSelection();
    for (int row = 0; row < m_model->rowCount(); ++row)
        if (toQString(m_model->runAt(row).id) == run)
            m_table->selectRow(row);
    m_telling = true;
    updateActions();
}

} // namespace halftone
