#include "widgets/view_frame.h"

#include "core/base/error.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
#include "widgets/empty_state.h"
#include "widgets/focus_ring.h"
#include "widgets/palette.h"
#include "widgets/picture.h"
#include "widgets/plot_style.h"

#include <QAction>
#include <QApplication>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QPointer>
#include <QStackedLayout>
#include <QThreadPool>
#include <QToolButton>
#include <QVBoxLayout>

#include <tuple>

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

    buildMenu();
    m_corner = new QToolButton(this);
    m_corner->setObjectName(m_id + u"Corner"_s);
    m_corner->setAccessibleName(tr("Menu of %1").arg(m_title));
    m_corner->setToolTip(tr("Menu of %1: copy, save, full screen, explain").arg(m_title));
    m_corner->setIcon(icon(u"menu"_s));
    m_corner->setMenu(m_menu);
    m_corner->setPopupMode(QToolButton::InstantPopup);

    m_mark = new QLabel(this);
    m_mark->setObjectName(m_id + u"RunMark"_s);
    m_mark->hide();
    head->addWidget(name);
    head->addWidget(m_mark);
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

void ViewFrame::buildMenu()
{
    m_menu = new QMenu(m_title, this);
    m_menu->setObjectName(m_id + u"Menu"_s);
    m_menu->setToolTipsVisible(true);
    const auto act = [this](QMenu* menu, const QString& key, const QString& picture, const QString& text, const QString& tip, auto slot) {
        QAction* action = picture.isEmpty() ? menu->addAction(text) : menu->addAction(icon(picture), text);
        action->setObjectName(m_id + key);
        describeAction(*action, tip);
        connect(action, &QAction::triggered, this, slot);
        return action;
    };
    m_giveAway.append(act(m_menu, u"Copy"_s, u"copy"_s, tr("&Copy picture"), tr("Put this picture on the clipboard"), [this] { copyToClipboard(); }));
    m_giveAway.append(act(m_menu, u"CopyNumbers"_s, {}, tr("Copy &numbers"), tr("Put the numbers behind this picture on the clipboard, as CSV"), [this] { copyNumbersToClipboard(); }));
    QMenu* save = m_menu->addMenu(icon(u"save"_s), tr("&Save as"));
    save->setObjectName(m_id + u"SaveMenu"_s);
    save->setToolTipsVisible(true);
    for (const auto& [key, text, tip, ending, scale] : {
             std::tuple{u"SavePng2"_s, tr("PNG, &2×…"), tr("A picture of twice the pixels on screen"), u"png"_s, 2},
             std::tuple{u"SavePng4"_s, tr("PNG, &4×…"), tr("A picture of four times the pixels on screen, for print"), u"png"_s, 4},
             std::tuple{u"SaveSvg"_s, tr("&SVG…"), tr("A drawing whose lines and words can be edited"), u"svg"_s, 2},
             std::tuple{u"SavePdf"_s, tr("&PDF…"), tr("A page of exactly this picture"), u"pdf"_s, 2},
             std::tuple{u"SaveCsv"_s, tr("&Numbers (CSV)…"), tr("The numbers behind this picture"), u"csv"_s, 2},
         })
        m_giveAway.append(act(save, key, {}, text, tip, [this, ending, scale] { saveAs(ending, scale); }));
    m_menu->addSeparator();
    act(m_menu, u"FullScreen"_s, u"fullscreen"_s, tr("&Full screen"), tr("Show %1 alone, or go back").arg(m_title), [this] { Q_EMIT fullScreenRequested(m_id); });
    act(m_menu, u"Explain"_s, u"explain"_s, tr("&Explain this view"), tr("What %1 shows, how it was measured, what to look for (F1)").arg(m_title),
        [this] { Q_EMIT explainRequested(m_id); });
    setHasDataActions(false);
}

void ViewFrame::setHasDataActions(bool hasData)
{
    for (QAction* action : m_giveAway)
        setActionEnabled(*action, hasData, tr("%1 shows nothing yet.").arg(m_title));
}

void ViewFrame::setSubtitle(const QString& text)
{
    m_subtitle = text;
    m_subtitleLabel->setText(text);
}

void ViewFrame::setRunMark(const QString& run)
{
    m_markedRun = run;
    m_mark->setPixmap(runMark(run, devicePixelRatioF()));
    m_mark->setAccessibleName(run);
    m_mark->setVisible(!run.isEmpty());
}

void ViewFrame::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_mark)
        setRunMark(m_markedRun);
    QWidget::changeEvent(event);
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
    QList<QWidget*> plots = content->findChildren<QWidget*>();
    plots.append(content);
    for (QWidget* plot : plots)
        if (plot->inherits("QCustomPlot"))
            new FocusRing(plot);
}

void ViewFrame::setHasData(bool hasData)
{
    m_stack->setCurrentIndex(hasData && m_stack->count() > 1 ? 1 : 0);
    setHasDataActions(hasData);
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

PictureFile ViewFrame::drawn(const QString& file, const QSize& size, int scale)
{
    if (!m_picture || isEmptyStateShown())
        throw Error(ErrorKind::InvalidArgument, (m_title + u": nothing is measured yet, so there is nothing to save"_s).toStdString(), m_id.toStdString());
    // A view that was never shown has no layout yet; then its own size stands for the picture's.
    const QSize own = isVisible() ? QSize() : this->size();
    return drawPicture(*m_picture, m_title, m_subtitle, file, size.isEmpty() ? own : size, scale);
}

void ViewFrame::saveTo(const QString& file, const QSize& size, int scale)
{
    writePicture(drawn(file, size, scale));
}

void ViewFrame::copyToClipboard()
{
    if (m_picture && !isEmptyStateShown())
        copyPicture(*m_picture, m_title, m_subtitle);
}

void ViewFrame::copyNumbersToClipboard()
{
    if (m_picture && !isEmptyStateShown())
        copyNumbers(*m_picture);
}

void ViewFrame::saveAs(const QString& ending, int scale)
{
    auto* dialog = new QFileDialog(this, tr("Save %1").arg(m_title), QString(), u"%1 (*.%2)"_s.arg(ending.toUpper(), ending));
    dialog->setObjectName(u"savePictureDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(ending);
    dialog->selectFile(scale == 4 ? u"%1@4x.%2"_s.arg(m_id, ending) : u"%1.%2"_s.arg(m_id, ending));
    connect(dialog, &QFileDialog::fileSelected, this, [this, scale](const QString& file) { saveInBackground(file, scale); });
    dialog->open();
}

void ViewFrame::saveInBackground(const QString& file, int scale)
{
    PictureFile ready;
    try {
        ready = drawn(file, {}, scale);
    } catch (const Error& error) {
        Q_EMIT saveFailed(QString::fromUtf8(error.what()));
        return;
    }
    // Encoding and writing take their time; the answer comes back to this thread, if the view is still there.
    QPointer<ViewFrame> self(this);
    QThreadPool::globalInstance()->start([self, ready = std::move(ready)] {
        QString fault;
        try {
            writePicture(ready);
        } catch (const Error& error) {
            fault = QString::fromUtf8(error.what());
        }
        QMetaObject::invokeMethod(qApp, [self, file = ready.file, fault] {
            if (self && fault.isEmpty())
                Q_EMIT self->saved(file);
            else if (self)
                Q_EMIT self->saveFailed(fault);
        }, Qt::QueuedConnection);
    });
}

} // namespace halftone
