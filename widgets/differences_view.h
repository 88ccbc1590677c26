#pragma once

#include "core/analysis/weight_map.h"
#include "widgets/heatmap_data.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QStringList>

#include <array>
#include <memory>
#include <optional>
#include <vector>

class QComboBox;
class QPushButton;

namespace halftone {

class HeatmapView;

/// Two quantizations of one linear to be held against each other: runs, or the recipe rounded to nearest (an empty name).
struct DifferencesRequest {
    QString linear, first, second;
    friend bool operator==(const DifferencesRequest&, const DifferencesRequest&) = default;
};

/// The answer, made off the GUI thread.
struct DifferencesPicture {
    DifferencesRequest request;
    std::shared_ptr<const WeightMap> first, second;
    std::array<HeatmapData, 3> cells;      ///< error of the first, of the second, second − first
    std::vector<QPoint> largest;           ///< the cells in which they differ most, x = column, first the worst
    QString fault;                         ///< why there is nothing to compare; empty: there is
    static DifferencesPicture make(DifferencesRequest request, std::shared_ptr<const WeightMap> first, std::shared_ptr<const WeightMap> second);
};

/// The selected linear under two quantizations: the error of each and their difference, three maps with one zoom, one scale and one selection.
class DifferencesView : public ViewFrame, public Picture {
    Q_OBJECT

public:
    explicit DifferencesView(QWidget* parent = nullptr);

    void clear();
    void setLinear(const QString& linear);
    const DifferencesRequest& request() const { return m_request; }
    /// Finished runs, newest last; the recipe is always there. What was chosen stays where it still exists.
    /// `titles`: as they are shown; empty: by their ids.
    void setRuns(const QStringList& runs, const QStringList& titles = {});
    void setFirst(const QString& run);
    void setSecond(const QString& run);
    /// Asks again (pictureRequested): the recipe or a run changed.
    void refresh();
    void setPicture(const DifferencesPicture& picture);
    void setFailed(const QString& sentence);
    bool isCurrent() const { return m_picture && m_picture->request == m_request && !m_outdated; }
    void setSelection(const Selection& selection);
    HeatmapView* map(int which) const { return m_maps[static_cast<std::size_t>(which)]; }
    /// Zooms all maps to the next cell in which the two differ most.
    void goToNext();

    QSize pictureSize() const override;
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void pictureRequested(const halftone::DifferencesRequest& request);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void ask();
    void present();
    void zoomTo(const QRectF& region);
    QStringList readout(int row, int column) const;
    QString nameOf(const QString& run) const;

    QComboBox* m_first = nullptr;
    QComboBox* m_second = nullptr;
    QPushButton* m_next = nullptr;
    QWidget* m_body = nullptr;
    std::array<HeatmapView*, 3> m_maps{};
    DifferencesRequest m_request;
    std::optional<DifferencesPicture> m_picture;
    Selection m_selection;
    std::size_t m_at = 0;                  ///< of `largest`, the next
    bool m_linking = false, m_outdated = false, m_chosen = false;   ///< chosen: by somebody, not by default
};

} // namespace halftone
