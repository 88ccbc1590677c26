#include "app/studio/tour.h"

#include "widgets/palette.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <optional>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kWidth = 344, kGap = 12;

/// A ring around what the step is about; clicks go through it. Not in the colour of the focus: it says "look here", not "you type here".
class Ring final : public QWidget {
public:
    explicit Ring(QWidget* parent) : QWidget(parent)
    {
        setObjectName(u"tourRing"_s);
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setFocusPolicy(Qt::NoFocus);
    }

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(QPen(colours().warning, 3));
        painter.drawRoundedRect(QRectF(rect()).adjusted(1.5, 1.5, -1.5, -1.5), 7, 7);
    }
};

} // namespace

Tour::Tour(QWidget* window, QList<TourStep> steps)
    : QFrame(window)
    , m_window(window)
    , m_ring(new Ring(window))
    , m_steps(std::move(steps))
{
    setObjectName(u"tour"_s);
    setFocusPolicy(Qt::StrongFocus);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 12, 16, 12);
    column->setSpacing(8);
    m_place = new QLabel(this);
    m_place->setObjectName(u"tourPlace"_s);
    m_place->setForegroundRole(QPalette::PlaceholderText);
    m_title = new QLabel(this);
    m_title->setObjectName(u"tourTitle"_s);
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    bold.setPointSizeF(bold.pointSizeF() + 2);
    m_title->setFont(bold);
    m_text = new QLabel(this);
    m_text->setObjectName(u"tourText"_s);
    m_text->setWordWrap(true);
    column->addWidget(m_place);
    column->addWidget(m_title);
    column->addWidget(m_text);
    column->addSpacing(4);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    m_skip = new QPushButton(tr("En&d the tour"), this);
    m_skip->setObjectName(u"tourEnd"_s);
    m_skip->setToolTip(tr("It does not come again by itself; the Help menu has it (Escape)"));
    m_back = new QPushButton(tr("&Back"), this);
    m_back->setObjectName(u"tourBack"_s);
    m_next = new QPushButton(this);
    m_next->setObjectName(u"primary"_s);
    m_next->setAccessibleName(tr("Next step"));
    for (QPushButton* button : {m_skip, m_back, m_next}) {
        button->setAutoDefault(false);
        button->installEventFilter(this);
    }
    buttons->addWidget(m_skip);
    buttons->addStretch(1);
    buttons->addWidget(m_back);
    buttons->addWidget(m_next);
    column->addLayout(buttons);
    connect(m_skip, &QPushButton::clicked, this, &Tour::end);
    connect(m_back, &QPushButton::clicked, this, [this] { show(m_step - 1); });
    connect(m_next, &QPushButton::clicked, this, [this] { m_step + 1 < m_steps.size() ? show(m_step + 1) : end(); });
    m_window->installEventFilter(this);
    hide();
    m_ring->hide();
}

void Tour::start()
{
    m_done.clear();
    show(0);
}

void Tour::completed(int index)
{
    m_done.insert(index);
    if (isVisible())
        sayPlace();
}

void Tour::sayPlace()
{
    m_place->setText(m_done.contains(m_step) ? tr("Step %1 of %2 · done").arg(m_step + 1).arg(m_steps.size()) : tr("Step %1 of %2").arg(m_step + 1).arg(m_steps.size()));
}

void Tour::show(int step)
{
    m_step = std::clamp(step, 0, static_cast<int>(m_steps.size()) - 1);
    const TourStep& shown = m_steps[m_step];
    const bool last = m_step + 1 == m_steps.size();
    for (const QPointer<QWidget>& target : m_targets)
        if (target)
            target->removeEventFilter(this);
    m_targets.clear();
    for (QWidget* target : shown.targets ? shown.targets() : QList<QWidget*>()) {
        m_targets.append(target);
        target->installEventFilter(this);
    }
    m_spare.clear();
    for (QWidget* spare : shown.spare ? shown.spare() : QList<QWidget*>())
        m_spare.append(spare);
    sayPlace();
    m_title->setText(shown.title);
    m_text->setText(shown.text);
    setAccessibleName(tr("Tour, step %1 of %2: %3").arg(m_step + 1).arg(m_steps.size()).arg(shown.title));
    setAccessibleDescription(shown.text);
    m_skip->setVisible(!last);   // there it would be what Done is
    m_back->setEnabled(m_step > 0);
    m_back->setToolTip(m_step > 0 ? tr("The step before (Alt+B)") : tr("This is the first step."));
    m_next->setText(last ? tr("&Done") : tr("&Next"));
    m_next->setToolTip(last ? tr("End the tour (Alt+D)") : tr("Go on (Alt+N)"));
    place();
    m_ring->setVisible(!m_targets.isEmpty());
    m_ring->raise();
    setVisible(true);
    raise();
    QWidget* hand = shown.hand ? shown.hand() : nullptr;
    (hand ? hand : m_next)->setFocus();
}

QRect Tour::about() const
{
    QRect around;
    for (const QPointer<QWidget>& target : m_targets)
        if (target)
            around |= QRect(target->mapTo(m_window, QPoint(0, 0)), target->size());
    return around.intersected(m_window->rect());
}

/// Square pixels of what is to be spared that a card there would cover.
int Tour::covered(const QRect& card) const
{
    int area = 0;
    for (const QPointer<QWidget>& widget : m_spare)
        if (widget && widget->isVisible()) {
            const QRect under = QRect(widget->mapTo(m_window, QPoint(0, 0)), widget->size()).intersected(card);
            area += under.width() * under.height();
        }
    return area;
}

void Tour::place()
{
    const QRect room = m_window->rect().adjusted(8, 8, -8, -8);
    setFixedWidth(kWidth);
    layout()->activate();
    const QSize size(kWidth, std::max(sizeHint().height(), layout()->heightForWidth(kWidth)));
    QRect card(QPoint(0, 0), size);
    card.moveCenter(room.center());
    if (const QRect about = this->about(); !about.isEmpty()) {
        m_ring->setGeometry(about.adjusted(-4, -4, 4, 4).intersected(m_window->rect()));
        // Beside it, along its upper edge or down at the window's end; below, above; in a corner of the window: of those that leave it free, the first that
        // covers least of what is spoken of besides. Where none does, over its own lower edge.
        const QPoint inside(std::clamp(about.left(), room.left(), std::max(room.left(), room.right() + 1 - size.width())),
                            std::clamp(about.top(), room.top(), std::max(room.top(), room.bottom() + 1 - size.height())));
        const int right = about.right() + kGap, left = about.left() - kGap - size.width(), low = room.bottom() + 1 - size.height();
        const std::array places{QPoint(right, inside.y()), QPoint(left, inside.y()), QPoint(right, low), QPoint(left, low), QPoint(inside.x(), about.bottom() + kGap),
                                QPoint(inside.x(), about.top() - kGap - size.height()), QPoint(room.left(), low), QPoint(room.right() + 1 - size.width(), low),
                                room.topLeft(), QPoint(room.right() + 1 - size.width(), room.top())};
        card.moveBottomRight(about.bottomRight() - QPoint(kGap, kGap));
        std::optional<int> least;
        for (const QPoint& at : places)
            if (const QRect free(at, size); room.contains(free) && !free.intersects(about) && (!least || covered(free) < *least)) {
                least = covered(free);
                card = free;
            }
    }
    setGeometry(card);
}

void Tour::end()
{
    if (!isVisible())
        return;
    hide();
    m_ring->hide();
    Q_EMIT finished();
}

bool Tour::eventFilter(QObject* watched, QEvent* event)
{
    const auto type = event->type();
    if (auto* button = qobject_cast<QPushButton*>(watched); button && button->parentWidget() == this) {
        if (type != QEvent::KeyPress)
            return false;
        const int key = static_cast<QKeyEvent*>(event)->key();   // arrows would only move the focus between the buttons
        if (key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Escape) {
            keyPressEvent(static_cast<QKeyEvent*>(event));
            return true;
        }
        if (key == Qt::Key_Return || key == Qt::Key_Enter) {
            button->click();
            return true;
        }
        return false;
    }
    if (isVisible() && (type == QEvent::Resize || type == QEvent::Move || type == QEvent::LayoutRequest || type == QEvent::Show))
        QMetaObject::invokeMethod(this, [this] { place(); }, Qt::QueuedConnection);   // once the window has settled
    return false;
}

void Tour::keyPressEvent(QKeyEvent* event)
{
    switch (event->key()) {
    case Qt::Key_Escape: end(); break;
    case Qt::Key_Left: show(m_step - 1); break;
    case Qt::Key_Right:
    case Qt::Key_Return:
    case Qt::Key_Enter: m_next->click(); break;
    default: QFrame::keyPressEvent(event);
    }
}

void Tour::paintEvent(QPaintEvent*)
{
    const Colours& c = colours();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(c.warning, 2));
    painter.setBrush(c.raised);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 6, 6);
}

} // namespace halftone
