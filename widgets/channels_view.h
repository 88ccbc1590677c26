#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <memory>
#include <optional>

namespace halftone {

class ChannelsPlot;
class SegmentedControl;

/// Channel absmax of the selected site on a log axis, sorted or by index, with its median and the largest channel named.
class ChannelsView : public ViewFrame {
    Q_OBJECT

public:
    explicit ChannelsView(QWidget* parent = nullptr);
    ~ChannelsView() override;

    void clear();
    void setSite(const SiteStatistics& site);      ///< statistics of the selected site
    void setSorted(bool sorted);
    bool isSorted() const;
    void setSelection(const Selection& selection); ///< marks the channel

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

private:
    void refresh();

    ChannelsPlot* m_plot = nullptr;
    SegmentedControl* m_order = nullptr;
    std::optional<SiteStatistics> m_site;
    std::int64_t m_channel = -1;
};

} // namespace halftone
