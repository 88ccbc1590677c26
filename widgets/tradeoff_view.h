#pragma once

#include "widgets/picture.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QCustomPlot;

namespace halftone {

class SegmentedControl;

/// One measured model: how small, how good.
struct TradeoffPoint {
    QString label;
    QString run;                  ///< whose look it has; empty: of a recipe on the fly
    double bits = 16;             ///< a weight, scales included
    double perplexity = 0, perplexityError = 0;
    double kl = -1, klError = 0;  ///< against the float model; −1: not measured
    bool reference = false;       ///< the float model: drawn as a line
    bool chosen = false;
    int row = -1;                 ///< given back when it is clicked
};

/// Quality against size: perplexity or KL over bits a weight.
class TradeoffView : public ViewFrame {
    Q_OBJECT

public:
    explicit TradeoffView(QWidget* parent = nullptr);
    ~TradeoffView() override;
    void setPoints(std::vector<TradeoffPoint> points, const QString& text);
    const std::vector<TradeoffPoint>& points() const { return m_points; }
    void setKl(bool kl);
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void pointClicked(int row);

protected:
    void changeEvent(QEvent* event) override;

private:
    class TradeoffPicture;
    bool kl() const;
    double value(const TradeoffPoint& point) const;   ///< NaN: not measured
    int pointAt(const QPoint& position) const;
    void refresh();

    std::vector<TradeoffPoint> m_points;
    SegmentedControl* m_figure = nullptr;
    QCustomPlot* m_plot = nullptr;
    std::unique_ptr<TradeoffPicture> m_picture;
};

} // namespace halftone
