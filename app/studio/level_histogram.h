#pragma once

#include "widgets/histogram_plot.h"

namespace halftone {

/// The weights of a linear as a histogram, the levels that a grid offers them drawn through it. Its context menu copies and saves it.
class LevelHistogram : public HistogramPlot {
    Q_OBJECT
public:
    explicit LevelHistogram(QWidget* parent = nullptr);
    QSize sizeHint() const override { return {240, 112}; }

Q_SIGNALS:
    void saveFailed(const QString& sentence);

protected:
    void paintEvent(QPaintEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
};

} // namespace halftone
