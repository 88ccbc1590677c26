#pragma once

#include "core/analysis/activation_sample.h"
#include "widgets/picture.h"
#include "widgets/qcustomplot_wrapper.h"

#include <QString>

#include <cstdint>
#include <memory>
#include <vector>

namespace halftone {

/// A log plot of one value a channel, with a dashed median, one named channel, the band that most tokens lie in, and what a grid leaves.
class ChannelsPlot : public QCustomPlot, public Picture {
    Q_OBJECT

public:
    explicit ChannelsPlot(QWidget* parent = nullptr);
    void setChannels(std::vector<float> absmax, double median, bool sorted);
    /// Over the sampled tokens; null takes band and grid away. `grid`: whether what it leaves is drawn too.
    void setSummary(std::shared_ptr<const ChannelSummary> summary, bool grid);
    const ChannelSummary* summary() const { return m_summary.get(); }
    bool isGridShown() const { return m_gridShown; }
    /// Channels' absmax after a transform, drawn over those before; empty takes them away.
    void setChanged(std::vector<float> absmax);
    const std::vector<float>& changed() const { return m_changed; }
    /// A channel, or `count` from it on; −1: none.
    void setMarked(std::int64_t channel, std::int64_t count = 1);
    /// Which channel is drawn at a place along the x axis.
    std::int64_t channelAt(int place) const;
    int placeOf(std::int64_t channel) const;

    QSize pictureSize() const override { return size(); }
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;
    QSize sizeHint() const override { return {320, 240}; }

Q_SIGNALS:
    void channelsChosen(std::int64_t channel, std::int64_t count);   ///< a click; Ctrl+drag over the channels by index

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    void restyle();
    void draw();
    void label();
    void mark();
    std::int64_t channelUnder(double x) const;
    double value(std::int64_t channel) const;
    QStringList readout(std::int64_t channel) const;

    std::vector<float> m_absmax, m_changed;
    std::shared_ptr<const ChannelSummary> m_summary;
    bool m_gridShown = false;
    std::int64_t m_hover = -1;
    QPointF m_hoverPosition;
    std::vector<std::int64_t> m_order, m_place;
    double m_median = 0;
    bool m_sorted = true;
    std::int64_t m_marked = -1, m_markedCount = 1;
    QPoint m_press;
    bool m_brushing = false;
    QCPItemText* m_largestLabel = nullptr;
    QCPItemText* m_medianLabel = nullptr;
    QCPItemText* m_changedLabel = nullptr;
    QCPItemTracer* m_tracer = nullptr;
    QCPItemRect* m_band = nullptr;   ///< the brush at work
};

} // namespace halftone
