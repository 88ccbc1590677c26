#include "widgets/view_frame.h"

#include "core/base/error.h"
#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
#include "widgets/empty_state.h"
#include "widgets/palette.h"
#include "widgets/picture.h"

#include <QAction>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QStackedLayout>
#include <QToolButton>
#include <QVBoxLayout>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

ViewFrame::ViewFrame(QString id, QString title, QWidget* parent) : QWidget(parent), m_id(std::move(id)), m_title(std::move(title))
{
    setObjectName(m_id + u"View"_s);
    setAccessibleName(m_title);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 8, 8, 8);
    column->setSpacing(4);

    auto* head = new QHBoxLayout;
    head->setSpacing(12);
    auto* name = new QLabel(m_title, this);
    name->setTextFormat(Qt::PlainText);
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    name->setFont(bold);
    m_subtitleLabel = new ElidedLabel(this, Qt::ElideRight);
    m_subtitleLabel->setObjectName(m_id + u"Subtitle"_s);
    m_subtitleLabel->setFaint(true);
    m_subtitleLabel->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    m_update = new QToolButton(this);
    m_update->setObjectName(m_id + u"Update"_s);
    m_update->setText(tr("Update"));
    m_update->setAccessibleName(tr("Measure %1 again").arg(m_title));
    m_update->setIcon(icon(u"resume"_s));
    m_update->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_update->hide();
    connect(m_update, &QToolButton::clicked, this, &ViewFrame::measureRequested);

    m_menu = new QMenu(this);
    m_menu->setObjectName(m_id + u"Menu"_s);
    const auto act = [this](const QString& key, const QString& picture, const QString& text, const QString& tip, auto slot) {
        QAction* action = m_menu->addAction(icon(picture), text);
        action->setObjectName(m_id + key);
        action->setToolTip(tip);
        action->setStatusTip(tip);
        connect(action, &QAction::triggered, this, slot);
        return action;
    };
    act(u"Copy"_s, u"copy"_s, tr("&Copy picture"), tr("Put this picture on the clipboard"), [this] { copyToClipboard(); });
    act(u"Save"_s, u"save"_s, tr("&Save picture or numbers…"), tr("As PNG, SVG, PDF, or the numbers behind it as CSV"), [this] { saveAs(); });
    m_menu->addSeparator();
    act(u"FullScreen"_s, u"fullscreen"_s, tr("&Full screen"), tr("Show this view alone"), [this] { Q_EMIT fullScreenRequested(m_id); });
    act(u"Explain"_s, u"explain"_s, tr("&Explain this view"), tr("What is shown, how it was measured, what to look for"),
        [this] { Q_EMIT explainRequested(m_id); });
    m_corner = new QToolButton(this);
    m_corner->setObjectName(m_id + u"Corner"_s);
    m_corner->setAccessibleName(tr("Menu of %1").arg(m_title));
    m_corner->setToolTip(tr("Copy, save, full screen, explain"));
    m_corner->setIcon(icon(u"menu"_s));
    m_corner->setMenu(m_menu);
    m_corner->setPopupMode(QToolButton::InstantPopup);

    head->addWidget(name);
    head->addWidget(m_subtitleLabel, 1);
    head->addWidget(m_update);
    head->addWidget(m_corner);
    column->addLayout(head);
    m_controls = new QHBoxLayout;
    m_controls->setSpacing(8);
    column->addLayout(m_controls);
    auto* body = new QWidget(this);
    m_stack = new QStackedLayout(body);
    m_empty = new EmptyState(body);
    m_empty->setObjectName(m_id + u"Empty"_s);
    m_stack->addWidget(m_empty);
    column->addWidget(body, 1);
    connect(m_empty, &EmptyState::clicked, this, &ViewFrame::measureRequested);
}

void ViewFrame::setSubtitle(const QString& text)
{
    m_subtitle = text;
    m_subtitleLabel->setText(text);
}

void ViewFrame::setEmptyState(const QString& sentence, const QString& button, const QString& cost)
{
    m_empty->setTexts(sentence, button, cost);
}

bool ViewFrame::isEmptyStateShown() const
{
    return m_stack->currentWidget() == m_empty;
}

void ViewFrame::setStale(bool stale, const QString& reason)
{
    m_stale = stale;
    m_update->setVisible(stale);
    m_update->setToolTip(reason.isEmpty() ? tr("The recipe changed since this was measured") : reason);
    update();
}

void ViewFrame::setContent(QWidget* content, Picture* picture)
{
    m_picture = picture;
    m_stack->addWidget(content);
}

void ViewFrame::setHasData(bool hasData)
{
    m_stack->setCurrentIndex(hasData && m_stack->count() > 1 ? 1 : 0);
    for (QAction* action : m_menu->actions())
        if (action->objectName() == m_id + u"Copy"_s || action->objectName() == m_id + u"Save"_s)
            action->setEnabled(hasData);
}

void ViewFrame::paintEvent(QPaintEvent*)
{
    if (!m_stale)
        return;
    QPainter painter(this);
    QColor stripe = colours().warning;
    const QRect edge(0, 0, 4, height());
    painter.fillRect(edge, colours().window);
    painter.fillRect(edge, QBrush(stripe, Qt::BDiagPattern));
}

void ViewFrame::saveTo(const QString& file, const QSize& size)
{
    if (!m_picture || isEmptyStateShown())
        throw Error(ErrorKind::InvalidArgument, (m_title + u": nothing is measured yet, so there is nothing to save"_s).toStdString(), m_id.toStdString());
    // A view that was never shown has no layout yet; then its own size stands for the picture's.
    const QSize own = isVisible() ? QSize() : this->size();
    savePicture(*m_picture, m_title, m_subtitle, file, size.isEmpty() ? own : size);
}

void ViewFrame::copyToClipboard()
{
    if (m_picture && !isEmptyStateShown())
        copyPicture(*m_picture, m_title, m_subtitle);
}

void ViewFrame::saveAs()
{
    const QString filters = tr("PNG picture (*.png);;SVG drawing (*.svg);;PDF page (*.pdf);;Numbers (*.csv)");
    QString chosen;
    QString file = QFileDialog::getSaveFileName(this, tr("Save %1").arg(m_title), m_id + u".png"_s, filters, &chosen);
    if (file.isEmpty())
        return;
    if (QFileInfo(file).suffix().isEmpty())
        file += chosen.contains(u"*.svg"_s) ? u".svg"_s : chosen.contains(u"*.pdf"_s) ? u".pdf"_s : chosen.contains(u"*.csv"_s) ? u".csv"_s : u".png"_s;
    try {
        saveTo(file);
        Q_EMIT saved(file);
    } catch (const Error& error) {
        Q_EMIT saveFailed(QString::fromUtf8(error.what()));
    }
}

} // namespace halftone
