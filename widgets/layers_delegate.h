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

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void setModelData(QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const override;

private:
    Commit m_commit;
};

} // namespace halftone
