#pragma once

#include "core/analysis/weight_map.h"
#include "widgets/heatmap_data.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <memory>
#include <optional>

namespace halftone {

class HeatmapView;
class HistogramPlot;
class SegmentedControl;

/// What the Weights view shows of one linear: the matrix itself, after the grid, the difference, or the scales; and where the grid comes from.
struct WeightsRequest {
    enum class Mode { Weight, Quantized, Error, Scale };
    enum class Source { Recipe, Run };
    QString linear;
    Mode mode = Mode::Weight;
    Source source = Source::Recipe;
    friend bool operator==(const WeightsRequest&, const WeightsRequest&) = default;
};

/// The answer, made off the GUI thread: the matrix and the map of it that the mode asks for, ready to be drawn.
struct WeightsPicture {
    WeightsRequest request;
    std::shared_ptr<const WeightMap> map;
    HeatmapData cells;
    /// Fills `cells` from `map`, large ones with their smaller map. Without a quantized matrix every mode shows the weight.
    static WeightsPicture make(WeightsRequest request, std::shared_ptr<const WeightMap> map);
    Pooling pooling() const { return request.mode == WeightsRequest::Mode::Scale ? Pooling::Maximum : Pooling::FarthestFromZero; }
};

/// The selected linear's matrix as a map, output × input channel, with its histogram and its errors by channel and group below. The input channel
/// is the site's: the selection lights up its column.
class WeightsView : public ViewFrame, public Picture {
    Q_OBJECT

public:
    explicit WeightsView(QWidget* parent = nullptr);

    void clear();                                        ///< no linear
    /// Asks for a linear (pictureRequested); what was shown stays until the answer. The same one again asks only after refresh().
    void setLinear(const QString& linear);
    const QString& linear() const { return m_request.linear; }
    /// Asks again: its plan or the run changed.
    void refresh();
    void setMode(WeightsRequest::Mode mode);
    const WeightsRequest& request() const { return m_request; }
    /// Whether a run's codes can be asked for; `run` names it, `stale`: the recipe changed since.
    void setRun(const QString& run, bool stale);
    /// An answer; one to an older request is dropped.
    void setPicture(const WeightsPicture& picture);
    /// The file could not be read.
    void setFailed(const QString& sentence);
    bool isCurrent() const { return m_picture && !m_outdated && m_picture->request == m_request; }
    void setSelection(const Selection& selection);
    HeatmapView* map() const { return m_map; }
    HistogramPlot* plot() const { return m_plot; }

    QSize pictureSize() const override;
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void pictureRequested(const halftone::WeightsRequest& request);

private:
    void ask();
    void present();
    void showPlot();
    QStringList readout(int row, int column) const;
    QStringList plotReadout(int bar, double value) const;

    SegmentedControl* m_modes = nullptr;
    SegmentedControl* m_sources = nullptr;
    SegmentedControl* m_plots = nullptr;
    HeatmapView* m_map = nullptr;
    HistogramPlot* m_plot = nullptr;
    QWidget* m_body = nullptr;
    WeightsRequest m_request;
    std::optional<WeightsPicture> m_picture;
    QString m_run;
    bool m_runStale = false, m_outdated = false;
    Selection m_selection;
};

} // namespace halftone
