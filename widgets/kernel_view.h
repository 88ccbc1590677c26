#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

class GridControls;
class KernelStrips;

/// Kernels of all sites under a grid other than the analysis' own, estimated from its samples.
struct KernelPreview {
    ActivationGrid grid, other;                                     ///< shown, and what it is compared with
    PerSite<std::vector<KernelEstimate>> cells;                     ///< [block] of each kind of site, under `grid`
    PerSite<std::vector<KernelEstimate>> otherCells;
    std::int64_t tokens = 0, total = 0;                             ///< in the sample, of the text
};

/// Share of a site's elements that round to zero, site kind × block, under an activation grid that can be changed live. What the analysis
/// counted is exact; other settings come as estimates from its samples (previewRequested, setPreview) and are marked so.
class KernelView : public ViewFrame {
    Q_OBJECT

public:
    /// One site under every grid that analyze counts (index: kernelScheme).
    struct Cell {
        bool measured = false;
        std::array<KernelCounts, kKernelSchemes> counts{};
    };
    /// Over all measured sites under one grid.
    struct Totals {
        double share = 0, lost = 0, clipped = 0;   ///< of all elements
        std::int64_t elements = 0;
    };

    explicit KernelView(QWidget* parent = nullptr);

    void clear();
    void setBlocks(int blocks);
    void setSites(int block, const std::vector<SiteStatistics>& sites);
    /// What the counts were made with; the live grid goes there.
    void setSettings(const AnalysisSettings& settings);
    /// Of the registry (familyTraits()): whether the paper's marks fit.
    void setFamily(const std::string& architecture);
    /// Tokens kept and analyzed; 0 kept: only the analysis' own settings can be shown.
    void setSample(std::int64_t tokens, std::int64_t total);

    void setScheme(int index);                     ///< 0 … kKernelSchemes − 1
    int scheme() const;
    ActivationGrid grid() const;
    void setGrid(const ActivationGrid& grid);      ///< as if chosen, without gridChosen
    /// An answer to previewRequested; one for another grid than the present one is dropped.
    void setPreview(const KernelPreview& preview);
    /// What is shown belongs to the grid chosen.
    bool isCurrent() const;
    /// What is shown was counted by the walk itself.
    bool isExact() const;
    /// Asks for what is shown but was not counted (previewRequested).
    void request();
    void setSelection(const Selection& selection);

    /// As the analysis counted them.
    Totals totals(int scheme) const;
    QString summary() const;                       ///< "mean 9.3 % · CrossQuant α 0.15 would give 3.1 % · clip rate 0 %"

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void schemeChanged(int index);                 ///< however it came
    void gridChosen(const halftone::ActivationGrid& grid);
    void previewRequested(const halftone::ActivationGrid& grid, const halftone::ActivationGrid& other);

private:
    bool countedBy(const ActivationGrid& grid) const;
    ActivationGrid otherGrid() const;
    void follow();
    Totals totals(const PerSite<std::vector<KernelEstimate>>& cells) const;
    Totals shownTotals(bool other) const;
    KernelEstimate cellShares(SiteKind kind, std::size_t block) const;
    void refresh();
    QStringList readout(int block, SiteKind kind) const;

    GridControls* m_controls = nullptr;
    KernelStrips* m_strips = nullptr;
    AnalysisSettings m_settings;
    PerSite<std::vector<Cell>> m_cells;   ///< [block] of each kind of site that was measured
    std::optional<KernelPreview> m_preview;
    int m_blocks = 0, m_scheme = 0;
    std::int64_t m_sampled = 0, m_total = 0;
    Selection m_selection;
};

} // namespace halftone
