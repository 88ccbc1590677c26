#pragma once

#include "core/methods/linear_result.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QCustomPlot;

namespace halftone {

class SegmentedControl;

/// What one run measured, under its name.
struct RunCurve {
    QString name;                 ///< the run's id: its look
    std::vector<BlockResult> blocks;
    QString title = {};           ///< as it is shown; empty: the name
    const QString& shown() const { return title.isEmpty() ? name : title; }
};

/// A figure of a block: the drift of the canary, mean output MSE, or mean weight SQNR in dB; NaN where it was not measured. In the order in which
/// they rank runs rightly: SQNR of weights does not.
enum class CurveFigure { Drift, OutputMse, Sqnr };
double blockFigure(const BlockResult& block, CurveFigure figure);

/// One line a run over the blocks: where quantization hurts.
class CurvesView : public ViewFrame {
    Q_OBJECT

public:
    explicit CurvesView(QWidget* parent = nullptr);
    ~CurvesView() override;
    void setCurves(std::vector<RunCurve> curves);
    const std::vector<RunCurve>& curves() const { return m_curves; }
    /// The run drawn thick; empty: none.
    void setChosen(const QString& run);
    void setFigure(CurveFigure figure);
    void setSelection(const Selection& selection);
    CurveFigure figure() const;
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

protected:
    void changeEvent(QEvent* event) override;

private:
    class CurvesPicture;
    void refresh();

    std::vector<RunCurve> m_curves;
    QString m_chosen;
    int m_block = -1;             ///< selected
    SegmentedControl* m_figure = nullptr;
    bool m_figureChosen = false;  ///< by a person: it stays
    QCustomPlot* m_plot = nullptr;
    std::unique_ptr<CurvesPicture> m_picture;
};

} // namespace halftone
