#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QList>

#include <array>
#include <vector>

class QLabel;

namespace halftone {

class KernelStrips;
class SegmentedControl;

/// Share of a site's elements that round to zero, site kind × block, under one activation grid at a time.
class KernelView : public ViewFrame {
    Q_OBJECT

public:
    /// One site under every grid that analyze counts (index: kernelScheme).
    struct Cell {
        bool measured = false;
        std::array<KernelCounts, kKernelSchemes> counts{};
    };
    /// Sums over all measured sites under one grid.
    struct Totals {
        double share = 0, lost = 0, clipped = 0;   ///< of all elements
        std::int64_t elements = 0;
    };

    explicit KernelView(QWidget* parent = nullptr);

    void clear();
    void setBlocks(int blocks);
    void setSites(int block, const std::vector<SiteStatistics>& sites);
    /// What the counts were made with; shown, and asked to be changed by settingsRequested.
    void setSettings(const AnalysisSettings& settings);
    void setScheme(int index);                     ///< 0 … kKernelSchemes − 1
    int scheme() const;
    void setSelection(const Selection& selection);

    Totals totals(int scheme) const;
    QString summary() const;                       ///< "mean 9.3 % · CrossQuant α 0.15 would give 3.1 % · clip rate 0 %"

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void schemeChanged(int index);

private:
    void refresh();

    SegmentedControl* m_schemes = nullptr;
    QLabel* m_settingsLabel = nullptr;
    KernelStrips* m_strips = nullptr;
    AnalysisSettings m_settings;
    std::array<std::vector<Cell>, kSiteKinds> m_cells;   ///< [kind][block]
    int m_blocks = 0;
    Selection m_selection;
};

} // namespace halftone
