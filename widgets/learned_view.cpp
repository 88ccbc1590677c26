#include "widgets/learned_view.h"

#include "widgets/colour_map.h"
#include "widgets/heatmap_view.h"
#include "widgets/number_box.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSlider>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

QString text(std::string_view s) { return QString::fromUtf8(s.data(), static_cast<qsizetype>(s.size())); }

QString shortName(const std::string& linear)
{
    const auto dot = linear.rfind('.');
    return text(dot == std::string::npos ? linear : linear.substr(dot + 1));
}

/// Source rows or columns that a cell stands for: "12" or "12–17".
QString span(std::int64_t cell, std::int64_t cells, std::int64_t full)
{
    const std::int64_t first = (cell * full + cells - 1) / cells, last = ((cell + 1) * full + cells - 1) / cells - 1;
    return first >= last ? QString::number(first) : u"%1–%2"_s.arg(first).arg(last);
}

/// Whether a transform at `place` acts on what the selected site feeds.
bool concerns(const std::string& place, SiteKind site)
{
    return place == label(site) || (site == SiteKind::AttentionInput && place == "queries and keys");
}

HeatmapData mapOf(std::int64_t rows, std::int64_t columns, std::vector<float> values)
{
    return {static_cast<int>(rows), static_cast<int>(columns), std::move(values)};
}

/// Largest magnitude off the diagonal; of all entries where that is nothing.
double largestOffDiagonal(const std::vector<float>& values, std::int64_t columns)
{
    double off = 0, all = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double value = std::isfinite(values[i]) ? std::abs(static_cast<double>(values[i])) : 0;
        all = std::max(all, value);
        if (static_cast<std::int64_t>(i) / columns != static_cast<std::int64_t>(i) % columns)
            off = std::max(off, value);
    }
    return off > 0 ? off : all > 0 ? all : 1;
}

} // namespace

LearnedView::LearnedView(QWidget* parent) : ViewFrame(u"learned"_s, tr("Learned"), parent)
{
    m_what = new QComboBox(this);
    m_what->setObjectName(u"learnedWhat"_s);
    m_what->setAccessibleName(tr("What was learned"));
    m_what->setToolTip(tr("What the run learned of the selected linear and its site"));
    m_what->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_what->setMinimumContentsLength(18);
    m_what->setMaximumWidth(300);
    m_headLabel = new QLabel(tr("&head"), this);
    m_head = new NumberBox(NumberBox::Steps::Ones, this);
    m_head->setObjectName(u"learnedHead"_s);
    m_head->setAccessibleName(tr("Head"));
    m_head->setToolTip(tr("Which head's matrix"));
    m_headLabel->setBuddy(m_head);
    m_epochLabel = new QLabel(this);
    m_epochLabel->setObjectName(u"learnedEpochText"_s);
    m_epoch = new QSlider(Qt::Horizontal, this);
    m_epoch->setObjectName(u"learnedEpoch"_s);
    m_epoch->setAccessibleName(tr("Epoch"));
    m_epoch->setToolTip(tr("The mask grows with the epochs: from the diagonal to the whole matrix"));
    m_epoch->setPageStep(1);
    m_epoch->setMinimumWidth(90);
    m_epoch->setMaximumWidth(240);
    controls()->addWidget(m_what, 1);
    controls()->addWidget(m_headLabel);
    controls()->addWidget(m_head);
    controls()->addWidget(m_epoch, 1);
    controls()->addWidget(m_epochLabel);
    controls()->addStretch();
    m_map = new HeatmapView(this);
    m_map->setObjectName(u"learnedMap"_s);
    m_map->setAccessibleName(tr("What was learned, as a map"));
    setContent(m_map, m_map);
    setFocusProxy(m_map);
    connect(m_what, &QComboBox::currentIndexChanged, this, [this] { showItem(); });
    connect(m_head, &QSpinBox::valueChanged, this, [this] { showEpoch(); });
    connect(m_epoch, &QSlider::valueChanged, this, [this] { showEpoch(); });
    connect(m_map, &HeatmapView::cellClicked, this, [this](int, int column) {
        const Item* shown = item();
        if (!shown || !shown->transform || (shown->transform->kind != "scale" && shown->transform->kind != "shift") || !m_selection.site)
            return;
        Selection wish = m_selection;
        wish.channel = column;
        Q_EMIT selectionRequested(wish);
    });
    clear(tr("Open a model first."));
}

LearnedView::~LearnedView() = default;

void LearnedView::clear(const QString& sentence, const QString& button)
{
    m_run.clear();
    m_block = -1;
    m_weights.clear();
    m_transforms.clear();
    findItems();
    setEmptyState(sentence, button);
    setSubtitle({});
    setHasData(false);
}

void LearnedView::setEvidence(const QString& run, int block, std::vector<WeightEvidence> weights, std::vector<TransformEvidence> transforms)
{
    m_run = run;
    m_block = block;
    m_weights = std::move(weights);
    m_transforms = std::move(transforms);
    findItems();
}

void LearnedView::setSelection(const Selection& selection)
{
    const bool same = m_selection.linear == selection.linear && m_selection.block == selection.block && m_selection.site == selection.site;
    m_selection = selection;
    if (!same)
        findItems();
    const Item* shown = item();
    const bool vector = shown && shown->transform && shown->transform->rows == 1 && shown->transform->count == 1;
    m_map->setSelectedCell(-1, vector && selection.channel < m_map->data().columns() ? static_cast<int>(selection.channel) : -1);
}

/// Of the selection; the kind of thing that was chosen stays chosen.
void LearnedView::findItems()
{
    const QString before = m_what->currentText();
    m_items.clear();
    if (m_block >= 0 && m_selection.block == m_block) {
        for (const WeightEvidence& weight : m_weights)
            if (weight.linear == m_selection.linear)
                m_items.push_back({&weight, nullptr, weight.kind == "clip" ? tr("clipping of the weight") : tr("divisors of the weight (log)")});
        for (const TransformEvidence& transform : m_transforms)
            if (m_selection.site && concerns(transform.place, *m_selection.site))
                m_items.push_back({nullptr, &transform, u"%1 · %2 · %3"_s.arg(text(transform.method), text(transform.place), text(transform.kind))});
    }
    {
        const QSignalBlocker quiet(m_what);
        m_what->clear();
        for (const Item& one : m_items)
            m_what->addItem(one.name);
        m_what->setCurrentIndex(m_items.empty() ? -1 : std::max(0, m_what->findText(before)));
        m_what->setEnabled(m_items.size() > 1);
    }
    showItem();
}

const LearnedView::Item* LearnedView::item() const
{
    const int index = m_what->currentIndex();
    return index >= 0 && index < static_cast<int>(m_items.size()) ? &m_items[static_cast<std::size_t>(index)] : nullptr;
}

QString LearnedView::where() const
{
    return u"%1 · %2"_s.arg(m_run.isEmpty() ? tr("the run at work") : m_run, tr("block %1").arg(m_block));
}

void LearnedView::showItem()
{
    const Item* shown = item();
    const TransformEvidence* transform = shown ? shown->transform : nullptr;
    const bool heads = transform && transform->count > 1, epochs = transform && !transform->epochs.empty();
    for (QWidget* widget : {static_cast<QWidget*>(m_headLabel), static_cast<QWidget*>(m_head)})
        widget->setVisible(heads);
    for (QWidget* widget : {static_cast<QWidget*>(m_epoch), static_cast<QWidget*>(m_epochLabel)})
        widget->setVisible(epochs);
    m_what->setVisible(shown != nullptr);
    {
        const QSignalBlocker quietHead(m_head), quietEpoch(m_epoch);
        m_head->setRange(0, heads ? static_cast<int>(transform->count) - 1 : 0);
        m_epoch->setRange(0, epochs ? static_cast<int>(transform->epochs.size()) - 1 : 0);
        m_epoch->setValue(m_epoch->maximum());
    }
    if (!shown) {
        if (m_block >= 0) {
            if (m_selection.linear.empty())
                setEmptyState(tr("Select a linear to see what the run learned of it."), {});
            else if (m_selection.block == m_block)
                setEmptyState(tr("%1 learned nothing of %2 that its codes do not show.").arg(m_run.isEmpty() ? tr("The run") : m_run, text(m_selection.linear)), {});
            else
                setEmptyState(tr("Block %1 is being read, or is not done.").arg(m_selection.block), {});
        }
        setSubtitle({});
        setHasData(false);
        return;
    }
    if (shown->weight)
        showWeight(*shown->weight);
    else
        showTransform(*shown->transform);
    setHasData(true);
}

void LearnedView::showWeight(const WeightEvidence& evidence)
{
    const bool clip = evidence.kind == "clip";
    m_map->setBands(0);
    m_map->setScale({});
    const auto axis = [](const QString& name, std::int64_t cells, std::int64_t full) {
        return cells == full ? name : tr("%1, %2 in %3 cells").arg(name).arg(full).arg(cells);
    };
    m_map->setAxes({axis(tr("output channel"), evidence.rows, evidence.fullRows),
                    clip ? axis(tr("low ends of the groups, then high ends"), evidence.columns, evidence.fullColumns)
                         : axis(tr("input channel"), evidence.columns, evidence.fullColumns),
                    clip ? tr("cut share of the range") : tr("log divisor"), {}});
    if (clip)
        m_map->setColours(ColourMap::cividis(), Pooling::Maximum);
    else
        m_map->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero, 0.999);
    m_map->setScaleKind(ValueScale::Kind::Linear);
    m_map->setReadout([rows = evidence.rows, columns = evidence.columns, fullRows = evidence.fullRows, fullColumns = evidence.fullColumns, clip](int row, int column, float value) {
        QStringList lines{tr("output %1").arg(span(row, rows, fullRows))};
        if (clip) {
            const bool low = column < columns / 2;
            lines.front() += low ? tr(" · low end") : tr(" · high end");
            if (columns > 2)
                lines.front() += tr(" · group %1").arg(span(low ? column : column - columns / 2, columns / 2, fullColumns / 2));
            lines << tr("%1 of the range is cut").arg(formatShare(value));
        } else {
            lines.front() += tr(" · input %1").arg(span(column, columns, fullColumns));
            lines << tr("log divisor %1: the weight is divided by %2").arg(formatValue(static_cast<double>(value), 3), formatValue(std::exp(static_cast<double>(value)), 3));
        }
        if (rows != fullRows || columns != fullColumns)
            lines << tr("the largest magnitude of the cell");
        return lines;
    });
    m_map->setData(mapOf(evidence.rows, evidence.columns, evidence.values));
    m_map->setSelectedCell(-1, -1);
    QStringList parts{where(), shortName(evidence.linear)};
    if (evidence.rank > 0)
        parts << tr("rank %1").arg(evidence.rank);
    parts << tr("%1 learned parameters a weight").arg(formatValue(evidence.learnable, 2));
    if (evidence.rows != evidence.fullRows || evidence.columns != evidence.fullColumns)
        parts << tr("%1 × %2 in cells of their largest entry").arg(evidence.fullRows).arg(evidence.fullColumns);
    setSubtitle(parts.join(u" · "_s));
}

void LearnedView::showTransform(const TransformEvidence& evidence)
{
    const bool scale = evidence.kind == "scale", positive = scale && std::all_of(evidence.values.begin(), evidence.values.end(), [](float v) { return v > 0; });
    const bool matrix = evidence.kind == "matrix";
    m_map->setAxes({matrix ? tr("row") : tr("part"), matrix ? tr("column") : evidence.kind == "rotation" ? tr("pair") : tr("channel"),
                    matrix ? tr("entry") : text(evidence.kind), {}});
    m_map->setScale({});
    if (positive) {
        m_map->setColours(ColourMap::cividis(), Pooling::Maximum);
        m_map->setScaleKind(ValueScale::Kind::Log);
    } else {
        m_map->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero);
        m_map->setScaleKind(ValueScale::Kind::Linear);
    }
    showEpoch();
    m_map->setSelectedCell(-1, evidence.rows == 1 && m_selection.channel < evidence.columns ? static_cast<int>(m_selection.channel) : -1);
}

int LearnedView::epoch() const
{
    const Item* shown = item();
    return shown && shown->transform && !shown->transform->epochs.empty() ? m_epoch->value() : -1;
}

int LearnedView::bands() const
{
    const Item* shown = item();
    return epoch() >= 0 ? shown->transform->epochs[static_cast<std::size_t>(epoch())].bands : 0;
}

/// The matrix of the head chosen, under the mask of the epoch chosen.
void LearnedView::showEpoch()
{
    const Item* shown = item();
    if (!shown || !shown->transform)
        return;
    const TransformEvidence& evidence = *shown->transform;
    const auto head = static_cast<std::size_t>(evidence.count > 1 ? m_head->value() : 0);
    const auto cells = static_cast<std::size_t>(evidence.rows * evidence.columns);
    if ((head + 1) * cells > evidence.values.size())
        return;
    const bool matrix = evidence.kind == "matrix";
    const int open = bands();
    std::vector<float> values(evidence.values.begin() + static_cast<std::ptrdiff_t>(head * cells), evidence.values.begin() + static_cast<std::ptrdiff_t>((head + 1) * cells));
    QStringList parts{where(), text(evidence.method), text(evidence.place)};
    if (matrix) {
        // The diagonal is about 1 and the rest far smaller: the colours are for the rest, the diagonal takes the end.
        const double largest = largestOffDiagonal(values, evidence.columns);
        m_map->setScale(ValueScale{ValueScale::Kind::Linear, -largest, largest});
        double low = values.front(), high = low;
        for (std::int64_t i = 0; i < std::min(evidence.rows, evidence.columns); ++i) {
            const double entry = values[static_cast<std::size_t>(i * evidence.columns + i)];
            low = std::min(low, entry);
            high = std::max(high, entry);
        }
        if (evidence.count > 1)
            parts << tr("head %1 of %2").arg(head).arg(evidence.count);
        parts << tr("diagonal %1 … %2, beside it up to ±%3").arg(formatValue(low, 3), formatValue(high, 3), formatValue(largest, 3));
        if (head < evidence.conditions.size())
            parts << tr("condition %1").arg(formatValue(evidence.conditions[head], 3));
    }
    m_map->setReadout([matrix, open, kind = text(evidence.kind)](int row, int column, float value) {
        if (!matrix)
            return QStringList{tr("%1 of channel %2: %3").arg(kind).arg(column).arg(formatValue(static_cast<double>(value)))};
        QStringList lines{tr("row %1 · column %2").arg(row).arg(column)};
        if (open > 0 && std::abs(row - column) >= open)
            lines << tr("held at 0: the mask of this epoch is closed here");
        else
            lines << formatValue(static_cast<double>(value));
        return lines;
    });
    m_map->setBands(matrix ? open : 0);
    m_map->setData(mapOf(evidence.rows, evidence.columns, std::move(values)));
    if (open > 0) {
        const TransformEvidence::Epoch& at = evidence.epochs[static_cast<std::size_t>(epoch())];
        m_epochLabel->setText(tr("epoch %1 of %2").arg(epoch() + 1).arg(evidence.epochs.size()));
        parts << tr("from step %1: %2 of %3 diagonals, condition %4; entries as folded").arg(at.step).arg(std::min<std::int64_t>(at.bands, evidence.rows)).arg(evidence.rows)
                     .arg(formatValue(at.condition, 3));
        if (evidence.stability > 0)
            parts << tr("stability %1").arg(formatValue(evidence.stability, 2));
    }
    setSubtitle(parts.join(u" · "_s));
}

QStringList LearnedView::items() const
{
    QStringList names;
    for (const Item& one : m_items)
        names << one.name;
    return names;
}

int LearnedView::current() const { return m_what->currentIndex(); }
void LearnedView::setCurrent(int index) { m_what->setCurrentIndex(index); }
void LearnedView::setEpoch(int epoch) { m_epoch->setValue(epoch); }
void LearnedView::setHead(int head) { m_head->setValue(head); }

} // namespace halftone
