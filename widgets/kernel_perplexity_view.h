#pragma once

#include "core/recipe/study_result.h"
#include "widgets/picture.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QCustomPlot;

namespace halftone {

class SegmentedControl;

/// Settings that round activations as points: share of elements rounded to zero against perplexity, a line for each scheme and α as bits fall.
class KernelPerplexityView : public ViewFrame {
    Q_OBJECT

public:
    struct Point {
        int member = -1;
        QString name, series;
        double kernel = 0, lost = 0, perplexity = 0;
        QString run = {};   ///< that quantized it; empty: none did
    };

    explicit KernelPerplexityView(QWidget* parent = nullptr);
    ~KernelPerplexityView() override;
    void setResult(const StudyResult& result);
    void setChosen(int member);
    /// What was zero already does not count.
    void setLost(bool lost);
    const std::vector<Point>& points() const { return m_points; }
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void memberChosen(int member);

protected:
    void changeEvent(QEvent* event) override;

private:
    class KernelPerplexityPicture;
    bool lost() const;
    double share(const Point& point) const { return lost() ? point.lost : point.kernel; }
    int pointAt(const QPoint& position) const;
    void refresh();

    std::vector<Point> m_points;   ///< series by series, in the study's order
    double m_reference = 0;        ///< perplexity of the float model
    int m_chosen = -1;
    SegmentedControl* m_figure = nullptr;
    QCustomPlot* m_plot = nullptr;
    std::unique_ptr<KernelPerplexityPicture> m_picture;
};

} // namespace halftone
