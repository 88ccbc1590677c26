#pragma once

#include "core/analysis/site_statistics.h"
#include "core/methods/linear_result.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <optional>
#include <vector>

class QComboBox;
class QCheckBox;

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
    /// What a run's transform did to the selected site, under the run's name; nullopt: it did nothing there.
    void setRunChange(const QString& run, const std::optional<SiteChange>& change);
    /// Transforms that can be tried on the selected site; `why` not, where one cannot.
    struct Trial {
        QString id, name, why;
    };
    void setTrials(std::vector<Trial> trials);
    /// "": the site as it was measured; "run": before and after the run's transform; else a trial's id.
    QString transform() const;
    void setTransform(const QString& id);
    /// An answer to trialRequested; `why`: it could not be tried.
    void setTrial(const QString& id, const std::optional<SiteChange>& change, const QString& why = {});
    /// Before and after, as drawn; null: only as measured.
    const SiteChange* change() const;
    /// Asks again for the trial that is chosen (trialRequested), for another site or recipe.
    void requestTrial();
    ChannelsPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void gridChosen(const halftone::ActivationGrid& grid);
    void trialRequested(int block, halftone::SiteKind site, const QString& transform);
    void summaryRequested(std::shared_ptr<const halftone::SiteSample> sample, const halftone::ActivationGrid& grid);

private:
    void refresh();
    void updateSubtitle();
    void fillTransforms();

    QComboBox* m_transform = nullptr;
    std::vector<Trial> m_trials;
    QString m_run;
    std::optional<SiteChange> m_runChange, m_trial;
    QString m_trialId, m_trialWhy;
    ChannelsPlot* m_plot = nullptr;
    SegmentedControl* m_order = nullptr;
    QCheckBox* m_after = nullptr;
    GridControls* m_controls = nullptr;
    std::shared_ptr<const ChannelSummary> m_summary;
    ActivationGrid m_summaryGrid;
    std::optional<SiteStatistics> m_site;
    std::int64_t m_channel = -1;
    Selection m_selection;
};

} // namespace halftone
