#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <memory>
#include <optional>

class QPushButton;

namespace halftone {

class ChannelsPlot;
class GridControls;
class SegmentedControl;

/// Channel absmax of the selected site on a log axis, sorted or by index, with its median and the largest channel named; from the sampled tokens
/// the band that most of them lie in, and what an activation grid leaves of each channel.
class ChannelsView : public ViewFrame {
    Q_OBJECT

public:
    explicit ChannelsView(QWidget* parent = nullptr);
    ~ChannelsView() override;

    void clear();
    void setSite(const SiteStatistics& site);      ///< statistics of the selected site
    void setSorted(bool sorted);
    bool isSorted() const;
    ActivationGrid grid() const;
    void setGrid(const ActivationGrid& grid);      ///< as if chosen, without gridChosen
    void setGridShown(bool shown);                 ///< before/after
    bool isGridShown() const;
    /// Asks for what the grid leaves (summaryRequested) where it is missing.
    void request();
    /// An answer to summaryRequested; one for another site or grid is dropped.
    void setSummary(const SiteSample& sample, const ActivationGrid& grid, std::shared_ptr<const ChannelSummary> summary);
    void setSelection(const Selection& selection); ///< marks the channel
    ChannelsPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void gridChosen(const halftone::ActivationGrid& grid);
    void summaryRequested(std::shared_ptr<const halftone::SiteSample> sample, const halftone::ActivationGrid& grid);

private:
    void refresh();
    void updateSubtitle();

    ChannelsPlot* m_plot = nullptr;
    SegmentedControl* m_order = nullptr;
    QPushButton* m_after = nullptr;
    GridControls* m_controls = nullptr;
    std::shared_ptr<const ChannelSummary> m_summary;
    ActivationGrid m_summaryGrid;
    std::optional<SiteStatistics> m_site;
    std::int64_t m_channel = -1;
    Selection m_selection;
};

} // namespace halftone
