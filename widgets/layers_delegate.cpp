#include "widgets/layers_delegate.h"

#include "widgets/colour_map.h"
#include "widgets/layers_model.h"
#include "widgets/palette.h"

#include <QApplication>
#include <QAbstractItemView>
#include <QComboBox>
#include <QPainter>
#include <QStandardItemModel>
#include <QTimer>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kRowHeight = 20;
constexpr int kBarHeight = 8;
constexpr int kBarAndText = 72;   ///< a cell of this width holds a bar and its figure

} // namespace

LayersDelegate::LayersDelegate(Commit commit, QObject* parent) : QStyledItemDelegate(parent), m_commit(std::move(commit))
{
}

void LayersDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    paintCell(painter, option, index);
    // A hairline where the next site begins, as long as linears stand in the model's order.
    const QVariant site = index.data(LayersModel::SiteRole);
    if (m_siteLines && site.isValid() && index.row() > 0 && index.siblingAtRow(index.row() - 1).data(LayersModel::SiteRole) != site)
        painter->fillRect(QRect(option.rect.left(), option.rect.top(), option.rect.width(), 1), colours().line);
}

void LayersDelegate::paintCell(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const QVariant bar = index.data(LayersModel::BarRole);
    const bool isState = index.column() == LayersModel::State;
    if (!bar.isValid() && !isState) {
        QStyleOptionViewItem whole = option;
        if (index.column() == LayersModel::Method)
            whole.textElideMode = Qt::ElideRight;   // of a chain of methods the first
        QStyledItemDelegate::paint(painter, whole, index);
        return;
    }
    // Ground and selection as the style draws them, without the text; then ours.
    QStyleOptionViewItem ground = option;
    initStyleOption(&ground, index);
    const QString text = ground.text;
    ground.text.clear();
    ground.icon = QIcon();
    ground.features &= ~QStyleOptionViewItem::HasDecoration;
    const QStyle* style = option.widget ? option.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &ground, painter, option.widget);

    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const QRect cell = option.rect;
    if (isState) {
        if (index.data(LayersModel::ChangedRole).toBool()) {
            painter->setPen(Qt::NoPen);
            painter->setBrush(colours().accent);
            painter->drawEllipse(QPointF(cell.left() + 8, cell.center().y() + 0.5), 3, 3);
        }
        const auto sign = index.data(Qt::DecorationRole).value<QIcon>();
        if (!sign.isNull())
            sign.paint(painter, QRect(cell.left() + 16, cell.center().y() - 6, 14, 14));
        painter->restore();
        return;
    }
    const double share = bar.toDouble();
    const bool narrow = cell.width() < kBarAndText;         // then the kernel keeps its bar, the error its figure
    if (narrow && !text.isEmpty() && index.column() == LayersModel::Error) {
        painter->setFont(tabularFont(option.font, false, 1));
        painter->setPen(option.state.testFlag(QStyle::State_Selected) ? colours().text : colours().faint);
        painter->drawText(cell.adjusted(0, 0, -4, 0), Qt::AlignRight | Qt::AlignVCenter, text);
        painter->restore();
        return;
    }
    const QFont small = tabularFont(option.font, false, 1);
    const int room = text.isEmpty() || narrow ? 4 : QFontMetrics(small).horizontalAdvance(u"00.0 %"_s) + 6;
    const QRectF well(cell.left() + 4, cell.center().y() - kBarHeight / 2.0 + 0.5, std::max(12, cell.width() - room - 8), kBarHeight);
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours().line);
    painter->drawRect(well);
    painter->setBrush(index.column() == LayersModel::Kernel ? QColor(ColourMap::cividis().at(0.25 + 0.75 * share)) : colours().faint);
    painter->drawRect(QRectF(well.left(), well.top(), well.width() * share, well.height()));
    if (narrow) {
        painter->restore();
        return;
    }
    painter->setFont(small);
    painter->setPen(option.state.testFlag(QStyle::State_Selected) ? colours().text : colours().faint);
    painter->drawText(QRect(cell.right() - room, cell.top(), room - 2, cell.height()), Qt::AlignRight | Qt::AlignVCenter, text);
    painter->restore();
}

QSize LayersDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    QSize size = QStyledItemDelegate::sizeHint(option, index);
    size.setHeight(std::max(kRowHeight, option.fontMetrics.height() + 2));
    return size;
}

QWidget* LayersDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&, const QModelIndex& index) const
{
    const QStringList texts = index.data(LayersModel::ChoicesRole).toStringList();
    const QVariantList values = index.data(LayersModel::ValuesRole).toList();
    if (texts.isEmpty())
        return nullptr;
    auto* box = new QComboBox(parent);
    box->setObjectName(u"layersEditor"_s);
    box->setAccessibleName(index.model()->headerData(index.column(), Qt::Horizontal, Qt::ToolTipRole).toString());
    const QStringList refusals = index.data(LayersModel::RefusalsRole).toStringList();
    for (int i = 0; i < texts.size(); ++i) {
        box->addItem(texts[i], values[i]);
        if (!refusals.value(i).isEmpty()) {
            box->setItemData(i, refusals[i].toHtmlEscaped(), Qt::ToolTipRole);
            static_cast<QStandardItemModel*>(box->model())->item(i)->setEnabled(false);
        }
    }
    box->view()->setMinimumWidth(box->view()->sizeHintForColumn(0) + 24);
    auto* self = const_cast<LayersDelegate*>(this);
    connect(box, &QComboBox::activated, self, [self, box] {
        Q_EMIT self->commitData(box);
        Q_EMIT self->closeEditor(box);
    });
    return box;
}

void LayersDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const
{
    auto* box = static_cast<QComboBox*>(editor);
    const QVariant now = index.data(Qt::EditRole);
    const int at = box->findData(now);
    box->setCurrentIndex(at);                           // −1 ("mixed", or a value off the list): nothing chosen yet
    QTimer::singleShot(0, box, &QComboBox::showPopup);
}

void LayersDelegate::setModelData(QWidget* editor, QAbstractItemModel*, const QModelIndex& index) const
{
    auto* box = static_cast<QComboBox*>(editor);
    if (box->currentIndex() >= 0)
        m_commit(index, box->currentData());
}

} // namespace halftone
