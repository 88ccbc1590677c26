#include "widgets/differences_view.h"

#include "widgets/colour_map.h"
#include "widgets/heatmap_view.h"
#include "widgets/plot_style.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr std::size_t kLargest = 100;   ///< differences to go through
constexpr double kAround = 24;          ///< cells of each side shown around one

/// The cells of largest magnitude, largest first; one of each neighbourhood.
std::vector<QPoint> largestOf(const std::vector<float>& cells, int columns)
{
    // One pass with a heap of the largest so far, the smallest of them in front.
    std::vector<std::pair<float, std::size_t>> order;
    const std::size_t most = kLargest * 20;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const float size = std::abs(cells[i]);
        if (!(size > 0) || (order.size() == most && size <= order.front().first))
            continue;
        if (order.size() == most) {
            std::pop_heap(order.begin(), order.end(), std::greater<>());
            order.pop_back();
        }
        order.emplace_back(size, i);
        std::push_heap(order.begin(), order.end(), std::greater<>());
    }
    std::sort(order.begin(), order.end(), std::greater<>());
    std::vector<QPoint> found;
    for (const auto& [size, index] : order) {
        if (found.size() == kLargest)
            break;
        const QPoint at(static_cast<int>(index % static_cast<std::size_t>(columns)), static_cast<int>(index / static_cast<std::size_t>(columns)));
        const bool seen = std::any_of(found.begin(), found.end(), [&](const QPoint& other) {
            return std::abs(other.x() - at.x()) < kAround / 2 && std::abs(other.y() - at.y()) < kAround / 2;   // on screen with that one
        });
        if (!seen)
            found.push_back(at);
    }
    return found;
}

} // namespace

DifferencesPicture DifferencesPicture::make(DifferencesRequest request, std::shared_ptr<const WeightMap> first, std::shared_ptr<const WeightMap> second)
{
    DifferencesPicture picture;
    picture.request = std::move(request);
    for (const auto& map : {first, second})
        if (!map->quantized && picture.fault.isEmpty())
            picture.fault = map->note.empty() ? DifferencesView::tr("The recipe leaves this linear float: there is no error to compare.")
                                              : QString::fromStdString(map->note) + u'.';
    picture.first = std::move(first);
    picture.second = std::move(second);
    if (!picture.fault.isEmpty())
        return picture;
    const std::vector<float>& w = *picture.first->weight;
    const std::vector<float>&a = *picture.first->quantized, &b = *picture.second->quantized;
    std::array<std::vector<float>, 3> values;
    for (auto& each : values)
        each.resize(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
        values[0][i] = a[i] - w[i];
        values[1][i] = b[i] - w[i];
        values[2][i] = b[i] - a[i];
    }
    const int rows = static_cast<int>(picture.first->rows), columns = static_cast<int>(picture.first->columns);
    picture.largest = largestOf(values[2], columns);
    for (std::size_t i = 0; i < values.size(); ++i) {
        picture.cells[i] = HeatmapData(rows, columns, std::move(values[i]));
        picture.cells[i].prepare(Pooling::FarthestFromZero);
    }
    return picture;
}

DifferencesView::DifferencesView(QWidget* parent) : ViewFrame(u"differences"_s, tr("Differences"), parent)
{
    const auto box = [this](const QString& name, const QString& accessible, const QString& tip) {
        auto* combo = new QComboBox(this);
        combo->setObjectName(name);
        combo->setAccessibleName(accessible);
        combo->setToolTip(tip);
        combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        connect(combo, &QComboBox::activated, this, [this] {
            m_chosen = true;
            ask();
        });
        return combo;
    };
    m_first = box(u"differencesFirst"_s, tr("The first quantization"), tr("Its error is the map on the left"));
    m_second = box(u"differencesSecond"_s, tr("The second quantization"), tr("Its error is the map in the middle; the right one is this minus the first"));
    m_next = new QPushButton(tr("&Next difference"), this);
    m_next->setObjectName(u"differencesNext"_s);
    m_next->setToolTip(tr("Zoom to the next place where the two differ most"));
    controls()->addWidget(m_first);
    controls()->addWidget(new QLabel(tr("against"), this));
    controls()->addWidget(m_second);
    controls()->addWidget(m_next);
    controls()->addStretch();
    m_body = new QWidget(this);
    auto* row = new QHBoxLayout(m_body);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(8);
    const std::array names{u"differencesA"_s, u"differencesB"_s, u"differencesMap"_s};
    for (std::size_t i = 0; i < m_maps.size(); ++i) {
        HeatmapView* map = m_maps[i] = new HeatmapView(m_body);
        map->setObjectName(names[i]);
        map->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero, 0.9995);
        map->setReadout([this](int r, int c, float) { return readout(r, c); });
        map->setBrush(HeatmapView::Brush::Columns);
        map->setBarShown(i + 1 == m_maps.size());   // one scale, one bar
        row->addWidget(map, 1);
        connect(map, &HeatmapView::visibleCellsChanged, this, &DifferencesView::zoomTo);
        const auto choose = [this](int column, int columns) {
            Selection wish = m_selection;
            wish.linear = m_request.linear.toStdString();
            wish.setChannel(column, columns);
            Q_EMIT selectionRequested(wish);
        };
        connect(map, &HeatmapView::cellClicked, this, [choose](int, int column) { choose(column, 1); });
        connect(map, &HeatmapView::cellsBrushed, this, [choose](int, int column, int, int columns) { choose(column, columns); });
    }
    setContent(m_body, this);
    setFocusProxy(m_maps[2]);
    connect(m_next, &QPushButton::clicked, this, &DifferencesView::goToNext);
    setRuns({});
    clear();
}

/// Three maps of one width, and the bar beside the last.
void DifferencesView::resizeEvent(QResizeEvent* event)
{
    ViewFrame::resizeEvent(event);
    auto* row = static_cast<QHBoxLayout*>(m_body->layout());
    const int bar = m_maps.back()->barRoom(), width = std::max(1, (this->width() - bar) / 3);
    for (int i = 0; i < 3; ++i)
        row->setStretch(i, width + (i == 2 ? bar : 0));
}

void DifferencesView::clear()
{
    m_request.linear.clear();
    m_picture.reset();
    setEmptyState(tr("Choose a linear in Layers to hold two quantizations of it against each other."), {});
    present();
}

QString DifferencesView::nameOf(const QString& run) const
{
    return run.isEmpty() ? tr("recipe, to nearest") : run;
}

void DifferencesView::setRuns(const QStringList& runs, const QStringList& titles)
{
    for (QComboBox* box : {m_first, m_second}) {
        const QString chosen = box->currentData().toString();
        box->clear();
        box->addItem(nameOf({}), QString());
        for (qsizetype i = 0; i < runs.size(); ++i)
            box->addItem(QIcon(runMark(runs[i], devicePixelRatioF())), titles.value(i, runs[i]), runs[i]);
        // Until somebody chooses, the newest run against the one before it, or against plain rounding.
        const qsizetype back = box == m_second ? 1 : 2;
        const QString wanted = m_chosen ? chosen : runs.size() >= back ? runs[runs.size() - back] : QString();
        box->setCurrentIndex(std::max(0, box->findData(wanted)));
    }
    ask();
}

void DifferencesView::setFirst(const QString& run)
{
    m_first->setCurrentIndex(std::max(0, m_first->findData(run)));
    m_chosen = true;
    ask();
}

void DifferencesView::setSecond(const QString& run)
{
    m_second->setCurrentIndex(std::max(0, m_second->findData(run)));
    m_chosen = true;
    ask();
}

void DifferencesView::setLinear(const QString& linear)
{
    m_request.linear = linear;
    ask();
}

void DifferencesView::refresh()
{
    m_outdated = true;
    ask();
}

void DifferencesView::ask()
{
    m_request.first = m_first->currentData().toString();
    m_request.second = m_second->currentData().toString();
    if (!m_request.linear.isEmpty() && !isCurrent())
        Q_EMIT pictureRequested(m_request);
}

void DifferencesView::setPicture(const DifferencesPicture& picture)
{
    if (!(picture.request == m_request))
        return;
    m_picture = picture;
    m_outdated = false;
    m_at = 0;
    if (!picture.fault.isEmpty())
        setEmptyState(picture.fault, {});
    present();
}

void DifferencesView::setFailed(const QString& sentence)
{
    m_picture.reset();
    setEmptyState(sentence, {});
    present();
}

void DifferencesView::present()
{
    const bool shown = m_picture && m_picture->fault.isEmpty();
    m_next->setEnabled(shown && !m_picture->largest.empty());
    m_next->setToolTip(m_next->isEnabled() ? tr("Zoom to the next place where the two differ most") : tr("The two do not differ"));
    setHasData(shown);
    if (!shown) {
        setSubtitle({});
        return;
    }
    const DifferencesPicture& p = *m_picture;
    // One scale for the three: the same colour is the same size of error.
    ValueScale scale = fitSymmetric(p.cells[0].cells(), 0.9995);
    for (const HeatmapData& cells : {p.cells[1], p.cells[2]})
        if (const ValueScale other = fitSymmetric(cells.cells(), 0.9995); other.high > scale.high)
            scale = other;
    const QString first = nameOf(p.request.first), second = nameOf(p.request.second);
    const std::array values{tr("error of %1").arg(first), tr("error of %1").arg(second), tr("%1 − %2").arg(second, first)};
    for (std::size_t i = 0; i < m_maps.size(); ++i) {
        m_maps[i]->setAxes({tr("output channel"), tr("input channel"), tr("error, and their difference"), {}});
        m_maps[i]->setTitle(values[i]);
        m_maps[i]->setScale(scale);
        m_maps[i]->setData(p.cells[i]);
    }
    const auto sqnr = [](const WeightMap& map) { return std::isfinite(map.sqnrDb) ? tr("%1 dB").arg(formatValue(map.sqnrDb, 3)) : tr("exact"); };
    QStringList parts{p.request.linear, tr("%1 %2").arg(first, sqnr(*p.first)), tr("%1 %2").arg(second, sqnr(*p.second))};
    for (const auto& map : {p.first, p.second})
        if (const QString note = QString::fromStdString(map->note); !note.isEmpty() && !parts.contains(note))
            parts << note;
    setSubtitle(parts.join(u" · "_s));
    setSelection(m_selection);
}

void DifferencesView::zoomTo(const QRectF& region)
{
    if (m_linking)
        return;
    m_linking = true;
    for (HeatmapView* map : m_maps)
        map->setVisibleCells(region);
    m_linking = false;
}

void DifferencesView::goToNext()
{
    if (!m_picture || m_picture->largest.empty())
        return;
    const QPoint at = m_picture->largest[m_at++ % m_picture->largest.size()];
    zoomTo(QRectF(at.x() - kAround / 2, at.y() - kAround / 2, kAround, kAround));
    for (HeatmapView* map : m_maps)
        map->setSelectedCell(at.y(), at.x());
}

void DifferencesView::setSelection(const Selection& selection)
{
    m_selection = selection;
    const bool here = m_picture && selection.linear == m_picture->request.linear.toStdString();
    for (HeatmapView* map : m_maps)
        map->setSelectedCells(-1, here ? static_cast<int>(selection.channel) : -1, 1, static_cast<int>(selection.channels));
}

QStringList DifferencesView::readout(int row, int column) const
{
    const DifferencesPicture& p = *m_picture;
    const auto at = [&](std::size_t map) { return static_cast<double>(p.cells[map].at(row, column)); };
    return {tr("output %1 · input %2 · weight %3").arg(row).arg(column).arg(formatValue(p.first->at(row, column), 6)),
        tr("error of %1: %2").arg(nameOf(p.request.first), formatValue(at(0))), tr("error of %1: %2").arg(nameOf(p.request.second), formatValue(at(1))),
        tr("difference %1").arg(formatValue(at(2)))};
}

QSize DifferencesView::pictureSize() const
{
    return m_body->size();
}

void DifferencesView::drawPicture(QPainter& painter, const QRect& area)
{
    const int bar = m_maps.back()->barRoom(), width = (area.width() - 16 - bar) / 3;
    for (int i = 0; i < 3; ++i)
        map(i)->drawPicture(painter, QRect(area.left() + i * (width + 8), area.top(), width + (i == 2 ? bar : 0), area.height()));
}

QString DifferencesView::csv() const
{
    QString out = u"output,input,weight,error_first,error_second\r\n"_s;
    if (!m_picture || !m_picture->fault.isEmpty())
        return out;
    // What is in sight: all of a large matrix would be gigabytes.
    const DifferencesPicture& p = *m_picture;
    const bool large = p.first->rows * p.first->columns > HeatmapData::kLargeMap;
    const QRectF region = large ? m_maps[0]->visibleCells() : QRectF(0, 0, static_cast<double>(p.first->columns), static_cast<double>(p.first->rows));
    const auto number = [](double v) { return QString::number(v, 'g', 9); };
    for (int r = static_cast<int>(region.top()); r < static_cast<int>(std::ceil(region.bottom())) && r < p.first->rows; ++r)
        for (int c = static_cast<int>(region.left()); c < static_cast<int>(std::ceil(region.right())) && c < p.first->columns; ++c)
            out += QStringList{QString::number(r), QString::number(c), number(p.first->at(r, c)), number(p.cells[0].at(r, c)), number(p.cells[1].at(r, c))}.join(u',') + u"\r\n"_s;
    return out;
}

} // namespace halftone
