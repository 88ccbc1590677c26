#include "app/studio/evaluation_table.h"

#include "app/studio/text.h"
#include "widgets/colour_map.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QLabel>
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

double EvaluationModel::floatPerplexity(const EvaluationRecord& record) const
{
    for (const EvaluationRecord& other : m_records)
        if (other.target == EvaluationRecord::Target::Float && other.sameText(record))
            return other.result.perplexity.perplexity;
    return record.result.hasDivergence ? record.result.divergence.referencePerplexity : 0;
}

QString EvaluationModel::text(const EvaluationRecord& record, Column column) const
{
    const Evaluation& result = record.result;
    const QString none = u"–"_s;
    switch (column) {
    case Target: return record.label;
    case Bits: return record.target == EvaluationRecord::Target::Float ? tr("float") : formatValue(record.bitsPerWeight, 3);
    case Perplexity: return u"%1 ± %2"_s.arg(formatValue(result.perplexity.perplexity, 5), formatValue(result.perplexity.standardError, 2));
    case Change: {
        const double reference = floatPerplexity(record);
        if (record.target == EvaluationRecord::Target::Float || reference <= 0)
            return none;
        const double change = result.perplexity.perplexity / reference - 1;
        return u"%1 %2 %"_s.arg(change > 0 ? u"▲ +"_s : change < 0 ? u"▼ −"_s : u""_s, formatValue(std::abs(change) * 100, 3)).replace(u"+ "_s, u"+"_s).replace(u"− "_s, u"−"_s);
    }
    case KlMean: return result.hasDivergence ? u"%1 ± %2"_s.arg(formatValue(result.divergence.klMean, 3), formatValue(result.divergence.klMeanError, 2)) : none;
    case KlP99: return result.hasDivergence ? formatValue(result.divergence.klP99, 3) : none;
    case KlMax: return result.hasDivergence ? formatValue(result.divergence.klMax, 3) : none;
    case Agreement: return result.hasDivergence ? formatShare(result.divergence.top1Agreement) : none;
    case Text: return tr("%1 · %2 × %3").arg(record.textName).arg(result.perplexity.windows ? result.perplexity.windows : record.windows).arg(record.length);
    case Tokens: return countText(result.perplexity.tokens);
    case Time: return formatDuration(record.seconds);
    case Columns: break;
    }
    return {};
}

QVariant EvaluationModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const EvaluationRecord& record = m_records[static_cast<std::size_t>(index.row())];
    const auto column = static_cast<Column>(index.column());
    switch (role) {
    case Qt::DisplayRole: return text(record, column);
    case Qt::ToolTipRole:
        if (record.result.notFinite > 0)
            return tr("%1 positions have logits that are not finite.").arg(record.result.notFinite);
        return column == Text ? record.textPath : column == Target ? tr("%1, measured %2").arg(record.label, record.when.toString(u"yyyy-MM-dd HH:mm"_s)) : QVariant();
    case Qt::TextAlignmentRole: return int(Qt::AlignVCenter | (column == Target || column == Text ? Qt::AlignLeft : Qt::AlignRight));
    case Qt::FontRole: return column == Target || column == Text ? QVariant() : QVariant(tabularFont(QApplication::font()));
    case Qt::ForegroundRole:
        if (column == Change && record.target != EvaluationRecord::Target::Float && floatPerplexity(record) > 0)
            return record.result.perplexity.perplexity > floatPerplexity(record) ? colours().bad : colours().good;
        return {};
    default: return {};
    }
}

QVariant EvaluationModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= Columns)
        return {};
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Model"), QT_TR_NOOP("Bits / weight"), QT_TR_NOOP("Perplexity"), QT_TR_NOOP("Against float"),
        QT_TR_NOOP("KL mean"), QT_TR_NOOP("KL 99 %"), QT_TR_NOOP("KL max"), QT_TR_NOOP("Same top token"), QT_TR_NOOP("Text"), QT_TR_NOOP("Tokens"), QT_TR_NOOP("Time")};
    static constexpr std::array<const char*, Columns> kTips{"", QT_TR_NOOP("Scales and zero points included; linears of the blocks only"),
        QT_TR_NOOP("exp(mean negative log likelihood a predicted token) ± standard error"), QT_TR_NOOP("Perplexity against the float model's on the same windows; less is better"),
        QT_TR_NOOP("KL(float ‖ this), nats a token, ± standard error"), QT_TR_NOOP("99th percentile over tokens"), QT_TR_NOOP("Largest over tokens"),
        QT_TR_NOOP("Share of tokens where both models think the same next token likeliest"), QT_TR_NOOP("Text · windows × tokens"), QT_TR_NOOP("Predicted tokens"), ""};
    if (role == Qt::DisplayRole)
        return tr(kTitles[static_cast<std::size_t>(section)]);
    if (role == Qt::ToolTipRole)
        return tr(kTips[static_cast<std::size_t>(section)]);
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section == Target || section == Text ? Qt::AlignLeft : Qt::AlignRight));
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
    auto* copy = new QAction(tr("&Copy row"), m_table);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    auto* remove = new QAction(tr("&Remove"), m_table);
    remove->setShortcut(QKeySequence::Delete);
    remove->setShortcutContext(Qt::WidgetShortcut);
    m_table->addActions({copy, remove});
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
    m_stack->addWidget(m_table);
    connect(m_empty, &EmptyState::clicked, this, &EvaluationTable::evaluateRequested);
}

void EvaluationTable::setRecords(const std::vector<EvaluationRecord>& records, bool documentOpen)
{
    m_model->setRecords(records);
    m_empty->setTexts(documentOpen ? tr("Nothing is measured yet. Evaluate the float model and a run on the same text to see what quantization cost.")
                                   : tr("Open a model first."),
                      documentOpen ? tr("Evaluate…") : QString());
    m_stack->setCurrentWidget(records.empty() ? static_cast<QWidget*>(m_empty) : m_table);
    m_table->resizeColumnsToContents();
    for (int column = 0; column < EvaluationModel::Columns; ++column)
        m_table->setColumnWidth(column, std::min(420, m_table->columnWidth(column) + 16));
}

} // namespace halftone
