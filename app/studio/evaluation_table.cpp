#include "app/studio/evaluation_table.h"

#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/column_fitter.h"
#include "widgets/curves_view.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"
#include "widgets/plot_style.h"
#include "widgets/tradeoff_view.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QLabel>
#include <QScrollBar>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

namespace halftone {

using namespace Qt::StringLiterals;

void EvaluationModel::setRecords(const std::vector<EvaluationRecord>& records)
{
    beginResetModel();
    m_records = records;
    // The float model first, then in the order measured; one group a text.
    std::stable_sort(m_records.begin(), m_records.end(), [](const EvaluationRecord& a, const EvaluationRecord& b) {
        return std::tie(a.textPath, a.windows, a.length, a.target) < std::tie(b.textPath, b.windows, b.length, b.target);
    });
    endResetModel();
}

int EvaluationModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_records.size());
}

int EvaluationModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

void EvaluationModel::setBaseline(const QString& label)
{
    beginResetModel();
    m_baseline = label;
    endResetModel();
}

bool EvaluationModel::isBaseline(const EvaluationRecord& record) const
{
    return m_baseline.isEmpty() ? record.target == EvaluationRecord::Target::Float : record.label == m_baseline;
}

double EvaluationModel::baselinePerplexity(const EvaluationRecord& record) const
{
    for (const EvaluationRecord& other : m_records)
        if (isBaseline(other) && other.sameText(record))
            return other.result.perplexity.perplexity;
    return m_baseline.isEmpty() && record.result.hasDivergence ? record.result.divergence.referencePerplexity : 0;
}

QString EvaluationModel::text(const EvaluationRecord& record, Column column) const
{
    const Evaluation& result = record.result;
    const QString none = u"–"_s;
    switch (column) {
    case Target: return record.label;
    case Bits: return record.target == EvaluationRecord::Target::Float ? tr("float") : formatValue(record.bitsPerWeight, 3);
    case Perplexity: return formatWithError(result.perplexity.perplexity, result.perplexity.standardError);
    case Change: {
        const double reference = baselinePerplexity(record);
        if (isBaseline(record) || reference <= 0)
            return none;
        const double change = result.perplexity.perplexity / reference - 1;
        return u"%1 %2 %"_s.arg(change > 0 ? u"▲ +"_s : change < 0 ? u"▼ −"_s : u""_s, formatValue(std::abs(change) * 100, 3)).replace(u"+ "_s, u"+"_s).replace(u"− "_s, u"−"_s);
    }
    case KlMean: return result.hasDivergence ? formatWithError(result.divergence.klMean, result.divergence.klMeanError) : none;
    case KlP99: return result.hasDivergence ? formatValue(result.divergence.klP99, 3) : none;
    case KlMax: return result.hasDivergence ? formatValue(result.divergence.klMax, 3) : none;
    case Agreement: return result.hasDivergence ? formatShare(result.divergence.top1Agreement) : none;
    case Grid: return result.activationGrid.empty() ? none : toQString(result.activationGrid);
    case Text: return textOf(record);
    case Tokens: return countText(result.perplexity.tokens);
    case Time: return formatDuration(record.seconds);
    case Columns: break;
    }
    return {};
}

/// With what a narrow table has no column for.
QString EvaluationModel::tipOf(const EvaluationRecord& record) const
{
    QString tip = tr("%1, measured %2").arg(record.label, record.when.toString(u"yyyy-MM-dd HH:mm"_s));
    for (const Column column : {Grid, KlP99, KlMax, Agreement, Tokens, Time})
        if (const QString said = text(record, column); said != u"–"_s)
            tip += u'\n' + tr("%1: %2").arg(headerData(column, Qt::Horizontal, Qt::DisplayRole).toString(), said);
    return tip;
}

QVariant EvaluationModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const EvaluationRecord& record = m_records[static_cast<std::size_t>(index.row())];
    const auto column = static_cast<Column>(index.column());
    switch (role) {
    case Qt::DisplayRole: return plainText(text(record, column));
    case Qt::DecorationRole: return column == Target && !record.run.isEmpty() ? QVariant(runMark(record.run, qApp->devicePixelRatio())) : QVariant();
    case Qt::ToolTipRole:
        if (record.result.notFinite > 0)
            return tr("%1 positions have logits that are not finite.").arg(record.result.notFinite);
        return column == Text ? plainTip(plainText(record.textPath)) : column == Target ? plainTip(tipOf(record)) : QVariant();
    case Qt::TextAlignmentRole: return int(Qt::AlignVCenter | (column == Target || column == Grid || column == Text ? Qt::AlignLeft : Qt::AlignRight));
    case Qt::FontRole: return column == Target || column == Grid || column == Text ? QVariant() : QVariant(tabularFont(QApplication::font()));
    case Qt::ForegroundRole:
        if (column == Change && !isBaseline(record) && baselinePerplexity(record) > 0)
            return record.result.perplexity.perplexity > baselinePerplexity(record) ? colours().bad : colours().good;
        return {};
    default: return {};
    }
}

QVariant EvaluationModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= Columns)
        return {};
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Model"), QT_TR_NOOP("Bits / weight"), QT_TR_NOOP("Perplexity"), QT_TR_NOOP("Against float"),
        QT_TR_NOOP("KL mean"), QT_TR_NOOP("KL 99 %"), QT_TR_NOOP("KL max"), QT_TR_NOOP("Same top token"), QT_TR_NOOP("Activation grid"), QT_TR_NOOP("Text"), QT_TR_NOOP("Tokens"), QT_TR_NOOP("Time")};
    static constexpr std::array<const char*, Columns> kTips{"", QT_TR_NOOP("Scales and zero points included; linears of the blocks only"),
        QT_TR_NOOP("exp(mean negative log likelihood a predicted token) ± standard error"), QT_TR_NOOP("Perplexity against the float model's on the same windows; less is better"),
        QT_TR_NOOP("KL(float ‖ this), nats a token, ± standard error"), QT_TR_NOOP("99th percentile over tokens"), QT_TR_NOOP("Largest over tokens"),
        QT_TR_NOOP("Share of tokens where both models think the same next token likeliest"),
        QT_TR_NOOP("Whose formulas rounded the activations: the runtime's that the recipe is made to load in; – : none were rounded"), QT_TR_NOOP("Text · windows × tokens"), QT_TR_NOOP("Predicted tokens"), ""};
    if (role == Qt::DisplayRole && section == Change && !m_baseline.isEmpty())
        return tr("Against %1").arg(m_baseline);
    if (role == Qt::DisplayRole)
        return tr(kTitles[static_cast<std::size_t>(section)]);
    if (role == Qt::ToolTipRole)
        return tr(kTips[static_cast<std::size_t>(section)]);
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section == Target || section == Grid || section == Text ? Qt::AlignLeft : Qt::AlignRight));
    return {};
}

EvaluationTable::EvaluationTable(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"evaluationTable"_s);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    auto* title = new QLabel(tr("Compare"), this);
    QFont bold = title->font();
    bold.setBold(true);
    title->setFont(bold);
    layout->addWidget(title);
    m_stack = new QStackedLayout;
    layout->addLayout(m_stack, 1);
    m_model = new EvaluationModel(this);
    m_table = new QTableView(this);
    m_table->setObjectName(u"evaluations"_s);
    m_table->setAccessibleName(tr("Measured evaluations"));
    m_table->setModel(m_model);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setTextElideMode(Qt::ElideMiddle);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(24);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    m_table->setFrameShape(QFrame::NoFrame);
    auto* fitter = new ColumnFitter(m_table, EvaluationModel::Target, 140, {EvaluationModel::Grid});
    fitter->setLast({EvaluationModel::Time, EvaluationModel::Tokens, EvaluationModel::KlMax, EvaluationModel::KlP99, EvaluationModel::Agreement});
    auto* copy = new QAction(tr("&Copy row"), m_table);
    copy->setObjectName(u"evaluationCopy"_s);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    auto* remove = new QAction(tr("&Remove"), m_table);
    remove->setObjectName(u"evaluationRemove"_s);
    remove->setShortcut(QKeySequence::Delete);
    remove->setShortcutContext(Qt::WidgetShortcut);
    auto* baseline = new QAction(tr("Compare the others with &this"), m_table);
    baseline->setObjectName(u"evaluationBaseline"_s);
    auto* againstFloat = new QAction(tr("Compare with the &float model"), m_table);
    againstFloat->setObjectName(u"evaluationFloat"_s);
    describeAction(*copy, tr("Copy the figures of this row as text"));
    describeAction(*remove, tr("Forget this measurement"));
    describeAction(*baseline, tr("Show what the other rows gain or lose against this one"));
    describeAction(*againstFloat, tr("Show what the rows lose against the float model"));
    m_table->addActions({baseline, againstFloat, copy, remove});
    m_againstFloat = againstFloat;
    m_ofRow = {baseline, copy, remove};
    updateActions();
    connect(baseline, &QAction::triggered, this, [this] {
        if (const QModelIndex current = m_table->currentIndex(); current.isValid()) {
            const EvaluationRecord& record = m_model->records()[static_cast<std::size_t>(current.row())];
            m_model->setBaseline(record.target == EvaluationRecord::Target::Float ? QString() : record.label);
        }
    });
    connect(againstFloat, &QAction::triggered, this, [this] { m_model->setBaseline({}); });
    m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
    connect(copy, &QAction::triggered, this, [this] {
        QStringList cells;
        for (int column = 0; column < EvaluationModel::Columns; ++column)
            cells.append(m_model->index(m_table->currentIndex().row(), column).data().toString());
        QApplication::clipboard()->setText(cells.join(u'\t'));
    });
    connect(remove, &QAction::triggered, this, [this] {
        if (m_table->currentIndex().isValid())
            Q_EMIT removeRequested(m_model->records()[static_cast<std::size_t>(m_table->currentIndex().row())]);
    });
    m_empty = new EmptyState(this);
    m_empty->setObjectName(u"evaluationsEmpty"_s);
    m_stack->addWidget(m_empty);
    auto* parts = new QSplitter(Qt::Vertical, this);
    parts->setChildrenCollapsible(false);
    m_table->setMinimumHeight(90);
    parts->addWidget(m_table);
    auto* plots = new QSplitter(Qt::Horizontal, parts);
    plots->setChildrenCollapsible(false);
    m_curves = new CurvesView(plots);
    m_tradeoff = new TradeoffView(plots);
    plots->addWidget(m_curves);
    plots->addWidget(m_tradeoff);
    plots->setSizes({600, 500});
    parts->addWidget(plots);
    parts->setStretchFactor(0, 1);
    parts->setStretchFactor(1, 3);
    parts->setSizes({150, 370});
    m_stack->addWidget(parts);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        updateActions();
        refreshTradeoff();
        m_curves->setChosen(chosenRun());
        if (m_telling && !chosenRun().isEmpty())
            Q_EMIT runChosen(chosenRun());
        if (m_telling)
            Q_EMIT shownChanged();
    });
    connect(m_tradeoff, &TradeoffView::pointClicked, m_table, &QTableView::selectRow);
    connect(m_empty, &EmptyState::clicked, this, &EvaluationTable::evaluateRequested);
}

void EvaluationTable::setRecords(const std::vector<EvaluationRecord>& records, bool documentOpen)
{
    m_telling = false;
    m_model->setRecords(records);
    m_telling = true;
    m_open = documentOpen;
    updateActions();
    m_empty->setTexts(documentOpen ? tr("Nothing is measured yet. Evaluate the float model and a run on the same text to see what quantization cost.")
                                   : tr("Open a model first."),
                      documentOpen ? tr("Evaluate…") : QString());
    m_stack->setCurrentWidget(records.empty() ? static_cast<QWidget*>(m_empty) : m_stack->widget(1));
    // No higher than its rows: the plots have the rest.
    const int rows = static_cast<int>(records.size()) * m_table->verticalHeader()->defaultSectionSize();
    m_table->setMaximumHeight(std::max(m_table->minimumHeight(), rows + m_table->horizontalHeader()->sizeHint().height() + m_table->horizontalScrollBar()->sizeHint().height() + 8));
    refreshTradeoff();
}

void EvaluationTable::updateActions()
{
    const bool any = m_open && !m_model->records().empty();
    const QString why = !m_open ? tr("Open a model first.") : tr("Nothing is measured yet: evaluate first.");
    setActionEnabled(*m_againstFloat, any, why);
    for (QAction* action : m_ofRow)
        setActionEnabled(*action, any && m_table->currentIndex().isValid(), any ? tr("Choose a row of the table first.") : why);
}

void EvaluationTable::refreshTradeoff()
{
    // Points of one text only: those of the row at hand, else of the first.
    const auto& records = m_model->records();
    const QModelIndex current = m_table->currentIndex();
    if (records.empty()) {
        m_tradeoff->setPoints({}, {});
        return;
    }
    const int row = current.isValid() ? current.row() : -1;
    const EvaluationRecord& shown = records[static_cast<std::size_t>(std::max(0, row))];
    m_tradeoff->setPoints(tradeoffPoints(records, shown, row), textOf(shown));
}

const EvaluationRecord* EvaluationTable::shown() const
{
    const auto& records = m_model->records();
    if (const QModelIndex current = m_table->currentIndex(); current.isValid())
        return &records[static_cast<std::size_t>(current.row())];
    // Of those of one moment the one that was added last.
    const auto last = std::max_element(records.rbegin(), records.rend(), [](const EvaluationRecord& a, const EvaluationRecord& b) { return a.when < b.when; });
    return last == records.rend() ? nullptr : &*last;
}

QString EvaluationTable::chosenRun() const
{
    const QModelIndex current = m_table->currentIndex();
    return current.isValid() ? m_model->records()[static_cast<std::size_t>(current.row())].run : QString();
}

void EvaluationTable::setChosenRun(const QString& run)
{
    if (run.isEmpty() || chosenRun() == run)
        return;
    for (std::size_t i = 0; i < m_model->records().size(); ++i)
        if (m_model->records()[i].run == run) {
            m_telling = false;
            m_table->selectRow(static_cast<int>(i));
            m_telling = true;
            Q_EMIT shownChanged();
            return;
        }
}

} // namespace halftone
