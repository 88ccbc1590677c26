#include "app/studio/runs_table.h"

#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/column_fitter.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"
#include "widgets/plot_style.h"

#include <QAction>
#include <QApplication>
#include <QDateTime>
#include <QHeaderView>
#include <QLabel>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>

#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

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
        return plainTip(toQString(run.recipeJson));
    if (role != Qt::DisplayRole)
        return {};
    const QString none = u"–"_s;
    switch (static_cast<Column>(index.column())) {
    case Id: return plainText(toQString(run.id));
    case State: {
        const QString state = done ? tr("done") : tr("not finished");
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
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Run"), QT_TR_NOOP("State"), QT_TR_NOOP("Blocks"), QT_TR_NOOP("Bits"),
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
    layout->addWidget(title);
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
    new ColumnFitter(m_table, RunsModel::State, 48, {RunsModel::Blocks}, [](const QString& blocks) {
        const QStringList sides = blocks.split(u" / "_s);
        return sides.size() == 2 && sides[0] == sides[1];   // of a run that is done
    });
    m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
    const auto add = [this](const QString& text, const QString& name, const QString& tip, bool onlyDone, auto signal) {
        auto* action = new QAction(text, m_table);
        action->setObjectName(name);
        describeAction(*action, tip);
        m_table->addAction(action);
        connect(action, &QAction::triggered, this, [this, onlyDone, signal] {
            const QModelIndex current = m_table->currentIndex();
            if (current.isValid() && (!onlyDone || m_model->runAt(current.row()).state == "done"))
                Q_EMIT (this->*signal)(toQString(m_model->runAt(current.row()).id));
        });
    };
    add(tr("&Evaluate…"), u"runEvaluate"_s, tr("Measure the run that is selected"), true, &RunsTable::evaluateRequested);
    add(tr("E&xport…"), u"runExport"_s, tr("Write the run that is selected as a checkpoint"), true, &RunsTable::exportRequested);
    add(tr("&Take its recipe"), u"runRecipe"_s, tr("Edit the recipe that this run took; one undo step"), false, &RunsTable::recipeRequested);
    m_empty = new EmptyState(this);
    m_stack->addWidget(m_empty);
    m_stack->addWidget(m_table);
    connect(m_empty, &EmptyState::clicked, this, &RunsTable::quantizeRequested);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& current) {
        if (!m_telling || !current.isValid())
            return;
        m_chosen = toQString(m_model->runAt(current.row()).id);
        Q_EMIT runChosen(m_chosen);
    });
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
}

} // namespace halftone
