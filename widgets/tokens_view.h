#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <memory>
#include <optional>
#include <vector>

namespace halftone {

class GridControls;
class HeatmapView;
class SegmentedControl;

/// Token × channel of the selected site at the tokens that the analysis kept, their text along the side: magnitude, what a grid rounds to zero, or
/// the error it makes. Click selects token and channel.
class TokensView : public ViewFrame {
    Q_OBJECT

public:
    enum class Mode { Magnitude, Kernel, Error };

    explicit TokensView(QWidget* parent = nullptr);

    void clear();                                   ///< no site: the empty state
    /// A site with its sample (null: the empty state says that there is none).
    void setSite(const SiteInfo& site, std::shared_ptr<const SiteSample> sample);
    const std::optional<SiteInfo>& site() const { return m_site; }
    void setMode(Mode mode);
    Mode mode() const;
    ActivationGrid grid() const;
    void setGrid(const ActivationGrid& grid);       ///< as if chosen, without gridChosen
    /// An answer to roundingRequested: x̂ of the sample, as its values lie. One for another site or grid is dropped.
    void setRounded(const SiteSample& sample, const ActivationGrid& grid, std::shared_ptr<const std::vector<float>> rounded);
    /// Asks for x̂ (roundingRequested) where it is missing.
    void request();
    /// What is shown belongs to the grid chosen.
    bool isCurrent() const;
    void setSelection(const Selection& selection);
    HeatmapView* map() const { return m_map; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void gridChosen(const halftone::ActivationGrid& grid);
    void roundingRequested(std::shared_ptr<const halftone::SiteSample> sample, const halftone::ActivationGrid& grid);

private:
    void rebuild();
    void updateSubtitle();
    QString brushedText() const;
    QStringList readout(int row, int column) const;
    std::int64_t position(int row) const { return m_sample->tokens->positions[static_cast<std::size_t>(row)]; }

    SegmentedControl* m_modes = nullptr;
    GridControls* m_controls = nullptr;
    HeatmapView* m_map = nullptr;
    std::optional<SiteInfo> m_site;
    std::shared_ptr<const SiteSample> m_sample;
    std::shared_ptr<const std::vector<float>> m_rounded;
    ActivationGrid m_roundedGrid;
    Selection m_selection;
};

} // namespace halftone
