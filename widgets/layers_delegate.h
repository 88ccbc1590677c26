#pragma once

#include <QStyledItemDelegate>

#include <functional>

namespace halftone {

/// Paints bars and the state dot, and edits by a list of choices. What is chosen goes to `commit`, not into the model.
class LayersDelegate : public QStyledItemDelegate {
    Q_OBJECT

public:
    using Commit = std::function<void(const QModelIndex& index, const QVariant& value)>;
    LayersDelegate(Commit commit, QObject* parent);

    /// Whether a hairline parts the sites (only in the model's order does it part anything).
    void setSiteLines(bool on) { m_siteLines = on; }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void setModelData(QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const override;

private:
    void paintCell(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const;

    Commit m_commit;
    bool m_siteLines = true;
};

} // namespace halftone
