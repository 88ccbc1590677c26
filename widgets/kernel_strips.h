#pragma once

#include "core/model/model_info.h"
#include "widgets/colour_map.h"
#include "widgets/picture.h"

#include <QPoint>
#include <QRectF>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <optional>
#include <vector>

namespace halftone {

/// The picture of the kernel view: one strip of blocks for each kind of site, a colour bar, the summary line and the bar with the paper's mark.
class KernelStrips : public QWidget, public Picture {
    Q_OBJECT

public:
    using Readout = std::function<QStringList(int block, SiteKind kind)>;
    static constexpr double kNotMeasured = -1;

    explicit KernelStrips(QWidget* parent = nullptr);
    /// A share that someone found to matter, for some models.
    struct Mark {
        double share = 0;
        QString text;   ///< "1 % LLaMA"
    };
    /// @param shares a strip for each kind, [block] in [0, 1] or kNotMeasured
    /// @param estimate from a sample: drawn as what is predicted, never like what is measured
    void setShares(int blocks, const PerSite<std::vector<double>>& shares, const QString& summary, double mean, bool estimate = false);
    /// `note` stands under the bar: whose marks they are, or why there is none.
    void setMarks(std::vector<Mark> marks, const QString& note);
    bool isEstimate() const { return m_estimate; }
    const std::vector<Mark>& marks() const { return m_marks; }
    /// As drawn.
    double share(int block, SiteKind kind) const { return m_shares.at(kind).at(static_cast<std::size_t>(block)); }
    void setReadout(Readout readout) { m_readout = std::move(readout); }
    void setSelected(int block, std::optional<SiteKind> kind);
    std::optional<std::pair<int, SiteKind>> cellAt(const QPointF& position) const;
    QRectF cellRect(int block, SiteKind kind) const { return cellRect(layoutFor(rect()), block, kind); }
    const ValueScale& scale() const { return m_scale; }

    QSize pictureSize() const override { return size(); }
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;
    QSize sizeHint() const override { return {420, 260}; }
    QSize minimumSizeHint() const override { return {240, 170}; }

Q_SIGNALS:
    void cellClicked(int block, halftone::SiteKind kind);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Layout { QRectF strips, bar, marks; double summaryTop = 0, line = 0; int summaryLines = 1; };
    Layout layoutFor(const QRect& area) const;
    QRectF cellRect(const Layout& layout, int block, SiteKind kind) const;
    void drawMarks(QPainter& painter, const Layout& layout) const;
    void drawCard(QPainter& painter) const;

    int strip(SiteKind kind) const;
    SiteKind kindOf(int strip) const;
    int strips() const { return static_cast<int>(m_shares.size()); }

    PerSite<std::vector<double>> m_shares;
    int m_blocks = 0;
    double m_mean = 0;
    QString m_summary, m_marksNote;
    std::vector<Mark> m_marks;
    bool m_estimate = false;
    ValueScale m_scale;
    Readout m_readout;
    int m_selectedBlock = -1;
    std::optional<SiteKind> m_selectedKind;
    std::optional<std::pair<int, SiteKind>> m_hover;
    QPointF m_hoverPosition;
};

} // namespace halftone
