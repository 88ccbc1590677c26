#include "widgets/run_view.h"

#include "widgets/block_strip.h"
#include "widgets/colour_map.h"
#include "widgets/column_fitter.h"
#include "widgets/jobs_view.h"
#include "widgets/memory_plot.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/run_model.h"

#include <QHeaderView>
#include <QListView>
#include <QScrollBar>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QStringListModel>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kFlagRows = 3;

QString text(const std::string& value)
{
    return QString::fromUtf8(value.data(), static_cast<qsizetype>(value.size()));
}

/// "block 3 · 2.1 s · worst down_proj, 18.2 dB · drift on unseen tokens 1.4 %"
QString tipOf(const BlockResult& block)
{
    QStringList parts{RunView::tr("block %1, done in %2").arg(block.block).arg(formatDuration(block.seconds))};
    const LinearResult* worst = nullptr;
    for (const LinearResult& linear : block.linears)
        if (linear.weights.quantized() && (!worst || linear.outputMse > worst->outputMse))
            worst = &linear;
    if (worst)
        parts << RunView::tr("largest output error %1, %2").arg(formatValue(worst->outputMse, 3), text(worst->linear).section(u'.', -1));
    if (block.canaryError >= 0)
        parts << RunView::tr("drift on unseen tokens %1").arg(formatShare(block.canaryError));
    for (const AsleepChannels& asleep : block.asleep) {
        const std::string_view site = label(asleep.site);
        parts << RunView::tr("%1: %2 of %3 channels asleep in the calibration text").arg(QString::fromUtf8(site.data(), static_cast<qsizetype>(site.size()))).arg(asleep.count).arg(asleep.channels);
    }
    for (const BlockFlag& flag : block.flags)
        parts << u"⚑ "_s + text(flag.sentence);
    return parts.join(u'\n');
}

} // namespace

/// The strip above the memory plot; its numbers are the table.
class RunView::RunPicture final : public Picture {
public:
    explicit RunPicture(RunView& view) : m_view(view) {}
    QSize pictureSize() const override { return {std::max(640, m_view.width()), 280}; }
    void drawPicture(QPainter& painter, const QRect& area) override
    {
        const int strip = m_view.m_strip->heightForWidth(area.width());
        m_view.m_strip->draw(painter, QRect(area.left(), area.top(), area.width(), strip));
        drawPlot(*m_view.m_memory, painter, area.adjusted(0, strip + 8, 0, 0));
    }
    QString csv() const override
    {
        QString out = u"block,linear,method,bits,group,weight_sqnr_db,output_mse,saturated,damping,seconds,peak_bytes,flags\r\n"_s;
        const auto number = [](double value) { return QString::number(value, 'g', 9); };
        for (const BlockResult& block : m_view.m_results)
            for (const LinearResult& r : block.linears) {
                QStringList flags;
                for (const BlockFlag& flag : block.flags)
                    if (flag.subject == r.linear)
                        flags << text(flag.sentinel);
                out += QStringList{QString::number(block.block), text(r.linear), text(r.method), QString::number(r.weights.bits), QString::number(r.weights.group), number(r.weightSqnrDb),
                                   number(r.outputMse), number(r.saturated), number(r.damping), number(r.seconds), QString::number(r.peakBytes), flags.join(u' ')}
                           .join(u',')
                    + u"\r\n"_s;
            }
        return out;
    }

private:
    RunView& m_view;
};

RunView::RunView(QWidget* parent) : ViewFrame(u"run"_s, tr("Run"), parent), m_picture(std::make_unique<RunPicture>(*this))
{
    auto* body = new QWidget(this);
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 4, 0);
    column->setSpacing(8);
    m_strip = new BlockStrip(body);
    column->addWidget(m_strip);
    m_flagTexts = new QStringListModel(this);
    m_flags = new QListView(body);
    m_flags->setObjectName(u"runFlags"_s);
    m_flags->setAccessibleName(tr("Flags of the sentinels"));
    m_flags->setModel(m_flagTexts);
    m_flags->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_flags->setTextElideMode(Qt::ElideRight);
    m_flags->setFrameShape(QFrame::NoFrame);
    m_flags->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_flags->setUniformItemSizes(true);
    m_flags->hide();
    column->addWidget(m_flags);

    auto* parts = new QSplitter(Qt::Horizontal, body);
    parts->setChildrenCollapsible(false);
    m_model = new RunModel(this);
    m_sorted = new QSortFilterProxyModel(this);
    m_sorted->setSourceModel(m_model);
    m_sorted->setSortRole(RunModel::kSortRole);
    m_table = new QTableView(parts);
    m_table->setObjectName(u"runLinears"_s);
    m_table->setAccessibleName(tr("What the run did to each linear"));
    m_table->setModel(m_sorted);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(RunModel::Linear, Qt::AscendingOrder);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setTextElideMode(Qt::ElideLeft);   // block and linear stand at the end of a long name
    m_table->setWordWrap(false);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(20);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->setMinimumWidth(240);
    auto* fitter = new ColumnFitter(m_table, RunModel::Linear, 88, {RunModel::Damping, RunModel::Activations, RunModel::Memory});
    fitter->setRest(RunModel::Remarks);
    m_memory = new MemoryPlot(parts);
    parts->addWidget(m_table);
    parts->addWidget(m_memory);
    parts->setStretchFactor(0, 4);
    parts->setStretchFactor(1, 1);
    parts->setSizes({900, 160});
    column->addWidget(parts, 1);
    setContent(body, m_picture.get());

    connect(m_strip, &BlockStrip::blockClicked, this, [this](int block) {
        Selection wish;
        wish.block = block;
        wish.site = SiteKind::MlpMiddle;
        Q_EMIT selectionRequested(wish);
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& current) {
        if (!current.isValid() || !m_table->hasFocus())
            return;
        const int row = m_sorted->mapToSource(current).row();
        Selection wish;
        wish.linear = m_model->resultAt(row).linear;
        wish.block = m_model->blockAt(row);
        Q_EMIT selectionRequested(wish);
    });
    connect(m_table, &QTableView::clicked, this, [this] { m_following = false; });
    connect(m_flags, &QListView::clicked, this, [this](const QModelIndex& index) {
        const BlockFlag& flag = m_shownFlags[static_cast<std::size_t>(index.row())];
        Selection wish;
        wish.block = flag.block;
        wish.site = SiteKind::MlpMiddle;
        for (const BlockResult& block : m_results)
            for (const LinearResult& linear : block.linears)
                if (linear.linear == flag.subject)
                    wish.linear = flag.subject;
        Q_EMIT selectionRequested(wish);
    });
    clear(false);
}

RunView::~RunView() = default;

void RunView::clear(bool open)
{
    m_head = {};
    m_results.clear();
    m_samples.clear();
    m_working = m_stopped = m_ahead = -1;
    m_model->setResults({});
    setEmptyState(open ? tr("No run yet. A run takes the model block by block and shows here what it did to each linear.") : tr("Open a model first."),
                  open ? tr("Quantize…") : QString());
    setSubtitle({});
    setRunMark({});
    refreshStrip();
    refreshFlags();
    setHasData(false);
}

void RunView::setWaiting(int ahead)
{
    if (ahead == m_ahead)
        return;
    m_ahead = ahead;
    if (ahead < 0)
        setEmptyState(tr("No run yet. A run takes the model block by block and shows here what it did to each linear."), tr("Quantize…"));
    else
        setEmptyState(ahead == 0 ? tr("The run begins.") : ahead == 1 ? tr("A run waits: 1 job comes before it.") : tr("A run waits: %1 jobs come before it.").arg(ahead), {});
}

void RunView::setHead(const RunHead& head)
{
    const bool named = m_head.id.isEmpty() && head.atWork && m_head.atWork;   // the one at work, now that its id is known
    const bool other = (head.id != m_head.id && !named) || head.blocks != m_head.blocks || head.atWork != m_head.atWork;
    m_head = head;
    if (other) {
        m_following = true;
        m_samples.clear();
        m_working = m_stopped = -1;
    }
    setHasData(head.blocks > 0);
    refreshStrip();
    refreshSubtitle();
    refreshMemory();
}

void RunView::setResults(std::vector<BlockResult> results)
{
    m_results = std::move(results);
    m_model->setResults(m_results);
    refreshStrip();
    refreshFlags();
    refreshMemory();
    refreshSubtitle();
}

void RunView::addBlock(const BlockResult& block)
{
    m_results.push_back(block);
    m_model->addBlock(block);
    refreshStrip();
    if (!block.flags.empty())
        refreshFlags();
    refreshMemory();
    refreshSubtitle();
    if (m_following && m_sorted->sortColumn() == RunModel::Linear && m_sorted->sortOrder() == Qt::AscendingOrder)
        m_table->scrollToBottom();
}

void RunView::setWorking(int block, double share)
{
    if (m_working == block && std::abs(m_share - share) < 0.02)
        return;
    m_working = block;
    m_share = share;
    if (block >= 0)
        m_stopped = -1;
    refreshStrip();
}

void RunView::setStopped(int block, const QString& sentence)
{
    m_working = -1;
    m_stopped = block;
    m_stopSentence = sentence;
    refreshStrip();
    refreshFlags();
}

void RunView::setMemory(const std::vector<MemorySample>& samples)
{
    m_samples = samples;
    refreshMemory();
    refreshSubtitle();
}

void RunView::refreshStrip()
{
    std::vector<BlockCell> cells(static_cast<std::size_t>(std::max(0, m_head.blocks)));
    for (int b = 0; b < m_working && b < m_head.blocks; ++b)   // of a run that goes on: read back, not measured again
        cells[static_cast<std::size_t>(b)] = {BlockCell::State::Done, 0, tr("block %1, done before this run went on").arg(b)};
    for (const BlockResult& block : m_results)
        if (block.block >= 0 && block.block < m_head.blocks)
            cells[static_cast<std::size_t>(block.block)] = {block.flags.empty() ? BlockCell::State::Done : BlockCell::State::Flagged, 0, tipOf(block)};
    for (int b = 0; b < m_head.blocks; ++b) {
        BlockCell& cell = cells[static_cast<std::size_t>(b)];
        if (b == m_working && cell.state == BlockCell::State::Waiting)
            cell = {BlockCell::State::Working, m_share, tr("block %1, at work: %2").arg(b).arg(formatShare(m_share))};
        else if (b == m_stopped && cell.state != BlockCell::State::Flagged)
            cell = {BlockCell::State::Stopped, 0, tr("block %1: %2").arg(b).arg(m_stopSentence)};
        else if (cell.state == BlockCell::State::Waiting)
            cell.tip = m_head.atWork ? tr("block %1, waiting").arg(b) : tr("block %1, not done").arg(b);
    }
    m_strip->setCells(std::move(cells));
}

void RunView::refreshFlags()
{
    m_shownFlags.clear();
    if (m_stopped >= 0)
        m_shownFlags.push_back({"stopped", m_stopped, {}, m_stopSentence.toStdString()});
    for (const BlockResult& block : m_results)
        m_shownFlags.insert(m_shownFlags.end(), block.flags.begin(), block.flags.end());
    QStringList texts;
    for (const BlockFlag& flag : m_shownFlags)
        texts << (flag.sentinel == "stopped" ? u"×  "_s : u"⚑  "_s) + text(flag.sentence);
    m_flagTexts->setStringList(texts);
    m_flags->setVisible(!texts.isEmpty());
    const int rows = std::min<int>(kFlagRows, static_cast<int>(texts.size()));
    m_flags->setFixedHeight(std::max(1, rows) * std::max(22, m_flags->sizeHintForRow(0)) + 4);
}

void RunView::refreshMemory()
{
    if (!m_samples.empty()) {
        m_memory->setMemory(m_samples, m_head.plan, false);
        return;
    }
    std::vector<MemorySample> peaks;
    double now = 0;
    for (const BlockResult& block : m_results) {
        if (peaks.empty() && block.peakBytes > 0)
            peaks.push_back({0, block.peakBytes});
        now += block.seconds;
        if (block.peakBytes > 0)
            peaks.push_back({now, block.peakBytes});
    }
    m_memory->setMemory(peaks, m_head.plan, true);
}

void RunView::refreshSubtitle()
{
    QStringList parts;
    parts << (m_head.id.isEmpty() ? tr("the run at work") : m_head.atWork ? tr("%1, at work").arg(m_head.id) : m_head.id);
    if (!m_head.summary.isEmpty())
        parts << m_head.summary;
    if (!m_results.empty() && m_results.back().canaryError >= 0)
        parts << tr("drift on unseen tokens %1").arg(formatShare(m_results.back().canaryError));
    if (const std::uint64_t peak = m_memory->peak(); peak > 0)
        parts << (m_head.plan > 0 ? tr("memory %1 of %2 planned").arg(formatBytes(peak), formatBytes(m_head.plan)) : tr("memory %1").arg(formatBytes(peak)));
    setRunMark(m_head.blocks > 0 ? m_head.id : QString());
    setSubtitle(m_head.blocks > 0 ? parts.join(u" · "_s) : QString());
}

void RunView::setSelection(const Selection& selection)
{
    m_strip->setSelected(selection.block);
    if (!m_table->hasFocus())
        selectRow(selection);
}

void RunView::selectRow(const Selection& selection)
{
    for (int row = 0; row < m_model->rowCount(); ++row)
        if (m_model->resultAt(row).linear == selection.linear) {
            const QModelIndex index = m_sorted->mapFromSource(m_model->index(row, 0));
            m_table->selectRow(index.row());
            m_table->scrollTo(index);
            return;
        }
    m_table->clearSelection();
}

} // namespace halftone
