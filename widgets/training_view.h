#pragma once

#include "core/methods/linear_result.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>
#include <QVector>

#include <map>
#include <memory>
#include <span>
#include <vector>

class QCustomPlot;

namespace halftone {

class SegmentedControl;
struct SeriesLook;

/// The loss of every training of a run, step by step: the selected block's mini-batches, their mean and the losses it was judged by, before all
/// other blocks. While a run is at work the block in training grows.
class TrainingView : public ViewFrame {
    Q_OBJECT

public:
    enum class Figure { Loss, Relative };

    explicit TrainingView(QWidget* parent = nullptr);
    ~TrainingView() override;

    /// Nothing to draw: `sentence` and, where one helps, a button (measureRequested).
    void clear(const QString& sentence, const QString& button = {});
    /// Another run, without curves yet; `name` empty: the one at work.
    void setRun(const QString& name);
    /// What a finished block keeps, instead of what was seen of it live.
    void setBlock(int block, std::vector<LossCurve> curves);
    /// Losses of steps `first`, first + 1 … of `steps`, as a training goes on.
    void addLosses(int block, const std::string& what, int first, int steps, std::span<const float> losses);
    /// The run is no longer at work: what is shown of it live stays, but is not in training.
    void setIdle();
    void setSelection(const Selection& selection);
    void setFigure(Figure figure);
    Figure figure() const;

    /// Curves of a block, those at work included.
    std::vector<LossCurve> curves(int block) const;
    /// The block in training; −1: none.
    int working() const { return m_working; }
    /// The block whose curves are drawn before the others: the one selected if it was trained, else the one in training, else the last.
    int front() const;
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

protected:
    void changeEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    class TrainingPicture;
    struct Curve {
        LossCurve loss;
        int steps = 0;
        bool live = false;
        QVector<double> xs, ys;   ///< means of neighbouring steps
    };
    static void smooth(Curve& curve);
    double drawn(const Curve& curve, double loss) const;
    void refresh();
    SeriesLook lookOf(int index) const;
    void drawFront(int block);
    void drawJudged(const Curve& curve, int index);
    void describe();
    void hover(const QPoint& position, const QPoint& global);
    int nearestBlock(const QPoint& position, QStringList* lines) const;

    std::map<int, std::vector<Curve>> m_blocks;
    QString m_run;
    Selection m_selection;
    int m_working = -1;
    SegmentedControl* m_figure = nullptr;
    QCustomPlot* m_plot = nullptr;
    std::unique_ptr<TrainingPicture> m_picture;
};

} // namespace halftone
