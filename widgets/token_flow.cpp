#include "widgets/token_flow.h"

#include "widgets/palette.h"
#include "widgets/read_card.h"
#include "widgets/token_text.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr double kLetters = 170;   // of a line at most
constexpr double kMargin = 4, kBar = 24;   ///< around the text; height of the colour bar's row
constexpr int kMostLetters = 40;

QColor inkOn(QRgb ground)
{
    const QColor light(245, 246, 248), dark(20, 22, 26);
    return contrast(light, QColor(ground)) >= contrast(dark, QColor(ground)) ? light : dark;
}

} // namespace

TokenFlow::TokenFlow(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"tokenFlow"_s);
    setAccessibleName(tr("Text coloured by token"));
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void TokenFlow::setTokens(Tokens tokens)
{
    const bool same = tokens.texts == m_tokens.texts;
    m_tokens = std::move(tokens);
    if (!same) {
        m_words.clear();
        m_breaks.clear();
        for (const std::string& text : m_tokens.texts) {
            // Spaces inside the flow are what they are; signs stand for what would not be seen.
            QString word = tokenLabel(text, kMostLetters);
            word.replace(u'␣', u' ');
            m_words << word;
            m_breaks.push_back(text.find('\n') != std::string::npos);
        }
        m_picked = m_hover = -1;
    }
    m_laid = layFor(width());
    updateGeometry();
    update();
}

TokenFlow::Laid TokenFlow::layFor(double width) const
{
    Laid laid;
    const QFontMetricsF metrics(font());
    const double line = metrics.height() + 6;
    const double end = std::min(width, kLetters * metrics.averageCharWidth()) - kMargin;   // lines that the eye finds back from
    double x = kMargin, y = kBar + kMargin;
    qsizetype word = 0;   // its first token
    for (qsizetype i = 0; i < m_words.size(); ++i) {
        const double wide = std::max(4.0, metrics.horizontalAdvance(m_words[i]));
        if (m_words[i].startsWith(u' ') || x == kMargin)
            word = i;
        if (x + wide > end && x > kMargin) {
            x = kMargin;
            y += line;
            // A word stays together, unless it is as long as its line.
            const auto first = static_cast<std::size_t>(word);
            for (std::size_t k = laid.places.size() > first && laid.places[first].left() > kMargin ? first : laid.places.size(); k < laid.places.size(); ++k) {
                laid.places[k].moveTopLeft(QPointF(x, y));
                x += laid.places[k].width() + 1;
            }
        }
        laid.places.emplace_back(x, y, wide, line - 3);
        x += wide + 1;
        if (m_breaks[static_cast<std::size_t>(i)]) {
            x = kMargin;
            y += line;
        }
    }
    laid.height = y + line + kMargin;
    return laid;
}

int TokenFlow::heightForWidth(int width) const
{
    return static_cast<int>(std::ceil(layFor(width).height));
}

QRectF TokenFlow::tokenRect(int token) const
{
    return token >= 0 && token < static_cast<int>(m_laid.places.size()) ? m_laid.places[static_cast<std::size_t>(token)] : QRectF();
}

int TokenFlow::tokenAt(const QPointF& position) const
{
    for (std::size_t i = 0; i < m_laid.places.size(); ++i)
        if (m_laid.places[i].contains(position))
            return static_cast<int>(i);
    return -1;
}

QColor TokenFlow::colourOf(int token) const
{
    const auto i = static_cast<std::size_t>(token);
    if (i >= m_tokens.values.size() || std::isnan(m_tokens.values[i]) || !m_tokens.map)
        return {};
    return QColor(m_tokens.map->at(m_tokens.scale.position(m_tokens.values[i])));
}

void TokenFlow::setPicked(int token)
{
    m_picked = token < static_cast<int>(m_words.size()) ? token : -1;
    update();
}

void TokenFlow::pick(int token)
{
    if (token < 0 || token >= static_cast<int>(m_words.size()))
        return;
    setPicked(token);
    if (m_readout)
        setAccessibleDescription(m_readout(token).join(u", "_s));
    Q_EMIT tokenPicked(token);
}

void TokenFlow::drawBar(QPainter& painter, const QRectF& area) const
{
    if (!m_tokens.map)
        return;
    const QFont small = tabularFont(font(), false, 1);
    const QFontMetricsF metrics(small);
    painter.setFont(small);
    painter.setPen(colours().faint);
    const QString low = formatValue(m_tokens.scale.low, 3), high = formatValue(m_tokens.scale.high, 3);
    const double middle = area.top() + kBar / 2, wide = std::clamp(area.width() / 4, 60.0, 180.0);
    double x = area.left() + kMargin;
    const auto text = [&](const QString& words) {
        painter.drawText(QRectF(x, area.top(), metrics.horizontalAdvance(words) + 1, kBar), Qt::AlignLeft | Qt::AlignVCenter, words);
        x += metrics.horizontalAdvance(words) + 6;
    };
    text(low);
    for (int i = 0; i < static_cast<int>(wide); ++i)
        painter.fillRect(QRectF(x + i, middle - 5, 1.5, 10), QColor(m_tokens.map->at(i / wide)));
    x += wide + 6;
    text(high);
    painter.drawText(QRectF(x, area.top(), area.right() - x, kBar), Qt::AlignLeft | Qt::AlignVCenter,
        metrics.elidedText(m_tokens.value, Qt::ElideRight, area.right() - x));
}

void TokenFlow::drawPicture(QPainter& painter, const QRect& area)
{
    painter.save();
    painter.setClipRect(area, Qt::IntersectClip);
    painter.translate(area.topLeft());
    drawBar(painter, QRectF(0, 0, area.width(), kBar));
    const Laid laid = area.width() == width() ? m_laid : layFor(area.width());
    painter.setFont(font());
    for (std::size_t i = 0; i < laid.places.size(); ++i) {
        const QRectF& place = laid.places[i];
        const QColor ground = colourOf(static_cast<int>(i));
        if (ground.isValid())
            painter.fillRect(place, ground);
        painter.setPen(ground.isValid() ? inkOn(ground.rgb()) : colours().faint);
        painter.drawText(place, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, m_words[static_cast<qsizetype>(i)]);
    }
    if (m_picked >= 0 && m_picked < static_cast<int>(laid.places.size())) {
        painter.setBrush(Qt::NoBrush);
        const QRectF& place = laid.places[static_cast<std::size_t>(m_picked)];
        painter.setPen(QPen(colours().window, 3));
        painter.drawRect(place.adjusted(-1.5, -1.5, 1.5, 1.5));
        painter.setPen(QPen(colours().outline, 1.5));
        painter.drawRect(place.adjusted(-1, -1, 1, 1));
    }
    painter.restore();
}

void TokenFlow::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    drawPicture(painter, rect());
    if (hasFocus()) {
        painter.setPen(QPen(colours().accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
    if (m_hover >= 0 && m_readout)
        drawReadCard(painter, font(), m_readout(m_hover), m_hoverPosition, visibleRegion().boundingRect());
}

void TokenFlow::resizeEvent(QResizeEvent*)
{
    m_laid = layFor(width());
}

void TokenFlow::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        m_laid = layFor(width());
    QWidget::changeEvent(event);
}

void TokenFlow::mousePressEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton)
        pick(tokenAt(event->position()));
}

void TokenFlow::mouseDoubleClickEvent(QMouseEvent* event)
{
    if (const int token = tokenAt(event->position()); token >= 0 && event->button() == Qt::LeftButton)
        Q_EMIT tokenOpened(token);
}

void TokenFlow::mouseMoveEvent(QMouseEvent* event)
{
    m_hover = tokenAt(event->position());
    m_hoverPosition = event->position();
    update();
}

void TokenFlow::leaveEvent(QEvent*)
{
    m_hover = -1;
    update();
}

void TokenFlow::keyPressEvent(QKeyEvent* event)
{
    const int last = static_cast<int>(m_words.size()) - 1;
    const auto nextLine = [this, last](int step) {
        const QRectF from = tokenRect(m_picked);
        int best = m_picked;
        double nearest = 1e9, line = -1;
        for (int i = m_picked + step; i >= 0 && i <= last; i += step) {
            const QRectF place = tokenRect(i);
            if (place.top() == from.top())
                continue;
            if (line >= 0 && place.top() != line)
                break;
            line = place.top();
            if (std::abs(place.center().x() - from.center().x()) < nearest) {
                nearest = std::abs(place.center().x() - from.center().x());
                best = i;
            }
        }
        return best;
    };
    switch (event->key()) {
    case Qt::Key_Left: pick(std::max(0, m_picked - 1)); break;
    case Qt::Key_Right: pick(std::min(last, m_picked + 1)); break;
    case Qt::Key_Up: pick(m_picked < 0 ? 0 : nextLine(-1)); break;
    case Qt::Key_Down: pick(m_picked < 0 ? 0 : nextLine(1)); break;
    case Qt::Key_Home: pick(0); break;
    case Qt::Key_End: pick(last); break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        if (m_picked >= 0)
            Q_EMIT tokenOpened(m_picked);
        break;
    default: QWidget::keyPressEvent(event);
    }
}

QString TokenFlow::csv() const
{
    QString out = u"token,text,value\r\n"_s;
    for (std::size_t i = 0; i < m_tokens.texts.size(); ++i) {
        QString text = QString::fromStdString(m_tokens.texts[i]);
        text.replace(u'"', u"\"\""_s);
        out += u"%1,\"%2\",%3\r\n"_s.arg(i).arg(text, std::isnan(m_tokens.values[i]) ? QString() : QString::number(static_cast<double>(m_tokens.values[i]), 'g', 9));
    }
    return out;
}

} // namespace halftone
