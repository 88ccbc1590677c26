#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <optional>
#include <vector>

class QCheckBox;
class QSplitter;

namespace halftone {

class HeatmapView;
class OutlierList;
class SegmentedControl;

/// Block × channel of one site kind: log channel absmax. Click selects site and channel.
class OutliersView : public ViewFrame {
    Q_OBJECT

public:
    explicit OutliersView(QWidget* parent = nullptr);

    void clear();                                            ///< no model: the empty state
    /// A model of so many blocks, none measured, that have these sites.
    void setBlocks(int blocks, const std::vector<SiteKind>& kinds = SiteKind::dense());
    void setSites(int block, const std::vector<SiteStatistics>& sites);
    void setSiteKind(SiteKind kind);
    SiteKind siteKind() const { return m_kind; }
    /// Text analysed, for the subtitle ("wikitext-2, 8 192 tokens").
    void setSource(const QString& source);
    void setSelection(const Selection& selection);
    HeatmapView* map() const { return m_map; }
    /// The site whose channel stands out the most; nothing before any is measured.
    std::optional<Selection> largest() const;

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);
    void tokensRequested(const halftone::Selection& selection);   ///< space: open the token map of the selected site

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    struct BlockSite { std::vector<float> absmax; double median = 0; };
    void showKinds(const std::vector<SiteKind>& kinds);
    void rebuild();
    void updateSubtitle();
    QStringList readout(int row, int column, float value) const;

    void shareWidth();

    HeatmapView* m_map = nullptr;
    OutlierList* m_list = nullptr;
    QSplitter* m_split = nullptr;
    QCheckBox* m_ranked = nullptr;   ///< whether the list stands beside the map
    SegmentedControl* m_sites = nullptr;
    SiteKind m_kind = SiteKind::MlpMiddle;
    std::vector<SiteKind> m_kinds;                  ///< a segment each
    PerSite<std::vector<BlockSite>> m_data;         ///< [block] of each
    int m_blocks = 0;
    QString m_source;
    Selection m_selection;
};

} // namespace halftone
