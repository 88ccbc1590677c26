#include "widgets/palette.h"

#include <QApplication>
#include <QFile>
#include <QFontDatabase>
#include <QFontMetricsF>
#include <QHash>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QProxyStyle>
#include <QStyleHints>
#include <QStyleFactory>
#include <QStyleOption>
#include <QSvgRenderer>

#include <algorithm>
#include <array>
#include <cmath>

// A resource in a static library is only linked in when something asks for it by name; the macro must stand outside of namespaces.
static void initIcons()
{
    Q_INIT_RESOURCE(resources);
}

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

Theme theTheme = Theme::Dark;
bool theReducedMotion = false;
constexpr int kLongestAnimation = 120;   // ms

QString lineIcon(QStyle::StandardPixmap which)
{
    switch (which) {
    case QStyle::SP_FileDialogToParent: return QStringLiteral("up");
    case QStyle::SP_ArrowBack:
    case QStyle::SP_FileDialogBack: return QStringLiteral("back");
    case QStyle::SP_ArrowForward: return QStringLiteral("forward");
    case QStyle::SP_FileDialogNewFolder: return QStringLiteral("newfolder");
    case QStyle::SP_FileDialogListView: return QStringLiteral("list");
    case QStyle::SP_FileDialogDetailedView: return QStringLiteral("details");
    case QStyle::SP_DirIcon:
    case QStyle::SP_DirOpenIcon:
    case QStyle::SP_DirClosedIcon:
    case QStyle::SP_DirHomeIcon: return QStringLiteral("folder");
    case QStyle::SP_FileIcon: return QStringLiteral("file");
    case QStyle::SP_ComputerIcon:
    case QStyle::SP_DriveHDIcon: return QStringLiteral("computer");
    case QStyle::SP_MessageBoxInformation: return QStringLiteral("info");
    case QStyle::SP_MessageBoxWarning: return QStringLiteral("warning");
    case QStyle::SP_MessageBoxCritical: return QStringLiteral("error");
    case QStyle::SP_MessageBoxQuestion: return QStringLiteral("help");
    case QStyle::SP_LineEditClearButton: return QStringLiteral("close");
    default: return {};
    }
}

/// Fusion, moving no longer than we allow.
class CalmStyle final : public QProxyStyle {
public:
    CalmStyle() : QProxyStyle(QStyleFactory::create(QStringLiteral("Fusion"))) {}

    int styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const override
    {
        if (hint == SH_DialogButtonBox_ButtonsHaveIcons)
            return 0;
        if (hint == SH_Widget_Animate)
            return theReducedMotion ? 0 : 1;
        if (hint == SH_Widget_Animation_Duration)
            return theReducedMotion ? 0 : std::min(kLongestAnimation, QProxyStyle::styleHint(hint, option, widget, data));
        return QProxyStyle::styleHint(hint, option, widget, data);
    }

    /// The program's own line icons, in dialogs too.
    QIcon standardIcon(StandardPixmap which, const QStyleOption* option, const QWidget* widget) const override
    {
        const QString name = lineIcon(which);
        return name.isEmpty() ? QProxyStyle::standardIcon(which, option, widget) : icon(name);
    }
    QPixmap standardPixmap(StandardPixmap which, const QStyleOption* option, const QWidget* widget) const override
    {
        const QString name = lineIcon(which);
        return name.isEmpty() ? QProxyStyle::standardPixmap(which, option, widget) : icon(name).pixmap(16, 16);
    }

    void drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter, const QWidget* widget) const override
    {
        QProxyStyle::drawComplexControl(control, option, painter, widget);
        if (control != CC_ComboBox && control != CC_SpinBox)
            return;
        // Fusion's own outline is lost on a dark ground, and it tells the focus in the colour of selected rows, which is too near to it.
        const bool focus = option->state.testFlag(State_HasFocus);
        const double inset = focus ? 1 : 0.5;
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(focus ? QPen(colours().accent, 2) : QPen(colours().line, 1));
        painter->setBrush(Qt::NoBrush);
        painter->drawRoundedRect(QRectF(option->rect).adjusted(inset, inset, -inset, -inset), 3, 3);
        painter->restore();
    }

    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const override
    {
        const auto* combo = element == CE_ComboBoxLabel ? qstyleoption_cast<const QStyleOptionComboBox*>(option) : nullptr;
        if (!combo)
            return QProxyStyle::drawControl(element, option, painter, widget);
        QStyleOptionComboBox fitted(*combo);   // a text that is too long says so
        const int icon = combo->currentIcon.isNull() ? 0 : combo->iconSize.width() + 4;
        fitted.currentText = combo->fontMetrics.elidedText(combo->currentText, Qt::ElideRight, subControlRect(CC_ComboBox, combo, SC_ComboBoxEditField, widget).width() - icon - 2);
        QProxyStyle::drawControl(element, &fitted, painter, widget);
    }

    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const override
    {
        QProxyStyle::drawPrimitive(element, option, painter, widget);
        if (element != PE_IndicatorCheckBox && element != PE_IndicatorItemViewItemCheck)
            return;
        // Fusion's own outline is lost on a dark ground.
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(option->state.testFlag(State_Enabled) ? colours().faint : colours().line);
        painter->setBrush(Qt::NoBrush);
        painter->drawRoundedRect(QRectF(option->rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
        painter->restore();
    }
};

Colours darkColours()
{
    Colours c;
    c.window = QColor(0x1b1c20);
    c.panel = QColor(0x22252a);
    c.field = QColor(0x15161a);
    c.raised = QColor(0x2a2d33);
    c.line = QColor(0x3a3e46);
    c.text = QColor(0xe6e8eb);
    c.faint = QColor(0x9ca2ab);
    c.accent = QColor(0x5aa9ff);
    c.onAccent = QColor(0x0a1826);
    c.accentText = QColor(0x66b0ff);
    c.selection = QColor(0x2b4768);
    c.good = QColor(0x6fd08c);
    c.bad = QColor(0xff8a80);
    c.warning = QColor(0xf0b060);
    c.warningGround = QColor(0x382c19);
    c.errorGround = QColor(0x432321);
    c.card = QColor(0x0d0e11);
    c.outline = QColor(0xffffff);
    return c;
}

Colours lightColours()
{
    Colours c;
    c.window = QColor(0xf6f7f9);
    c.panel = QColor(0xffffff);
    c.field = QColor(0xffffff);
    c.raised = QColor(0xffffff);
    c.line = QColor(0xd3d7de);
    c.text = QColor(0x1c1f24);
    c.faint = QColor(0x596069);
    c.accent = QColor(0x1f6fd6);
    c.onAccent = QColor(0xffffff);
    c.accentText = QColor(0x1a62c0);
    c.selection = QColor(0xcfe1f9);
    c.good = QColor(0x1b7338);
    c.bad = QColor(0xbd2329);
    c.warning = QColor(0x8a4f00);
    c.warningGround = QColor(0xfdf0d5);
    c.errorGround = QColor(0xfde3e1);
    c.card = QColor(0xffffff);
    c.outline = QColor(Qt::black);
    return c;
}

QPalette makePalette(const Colours& c)
{
    QPalette palette;
    const auto set = [&palette](QPalette::ColorRole role, const QColor& colour, const QColor& disabled) {
        palette.setColor(QPalette::Active, role, colour);
        palette.setColor(QPalette::Inactive, role, colour);
        palette.setColor(QPalette::Disabled, role, disabled);
    };
    const auto mix = [](const QColor& a, const QColor& b) {
        return QColor((a.red() + b.red()) / 2, (a.green() + b.green()) / 2, (a.blue() + b.blue()) / 2);
    };
    const QColor dim = mix(c.faint, c.window);
    set(QPalette::Window, c.window, c.window);
    set(QPalette::WindowText, c.text, dim);
    set(QPalette::Base, c.field, c.window);
    set(QPalette::AlternateBase, mix(c.field, c.window), c.window);
    set(QPalette::Text, c.text, dim);
    set(QPalette::PlaceholderText, c.faint, dim);
    set(QPalette::Button, c.raised, c.window);
    set(QPalette::ButtonText, c.text, dim);
    set(QPalette::BrightText, c.bad, dim);
    set(QPalette::Highlight, c.selection, c.line);
    set(QPalette::HighlightedText, c.text, dim);
    set(QPalette::Link, c.accentText, dim);
    set(QPalette::LinkVisited, c.accentText, dim);
    set(QPalette::ToolTipBase, c.card, c.card);
    set(QPalette::ToolTipText, c.text, c.text);
    set(QPalette::Light, mix(c.raised, c.line), c.line);
    set(QPalette::Midlight, c.raised, c.raised);
    set(QPalette::Mid, c.line, c.line);
    set(QPalette::Dark, c.line, c.line);
    set(QPalette::Shadow, c.line, c.line);
    return palette;
}

QString makeStyleSheet(const Colours& c)
{
    QString sheet = u"QToolTip { color: @text; background: @card; border: 1px solid @line; padding: 4px; }"
                    "QMenuBar, QToolBar, QStatusBar { background: @panel; border: none; }"
                    "QMenuBar { padding: 2px 4px; }"
                    "QMenuBar::item { padding: 4px 8px; background: transparent; border-radius: 4px; }"
                    "QMenuBar::item:selected { background: @selection; }"
                    "QStatusBar::item { border: none; }"
                    "QMenu { background: @panel; border: 1px solid @line; padding: 4px; }"
                    "QMenu::item { padding: 4px 24px 4px 8px; border-radius: 4px; }"
                    "QMenu::item:selected { background: @selection; }"
                    "QMenu::item:disabled { color: @dim; }"
                    "QMenu::icon { padding-left: 4px; }"
                    "QMenu::separator { height: 1px; background: @line; margin: 4px; }"
                    "QPushButton { background: @raised; border: 1px solid @line; border-radius: 4px; padding: 4px 12px; }"
                    "QPushButton:hover, QToolButton:hover { border-color: @accent; }"
                    "QPushButton:pressed, QPushButton:checked { background: @accent; color: @onAccent; border-color: @accent; }"
                    "QPushButton:default { border-color: @accent; }"
                    "QPushButton:focus { border: 2px solid @accent; padding: 3px 11px; }"
                    "QPushButton:checked:focus, QPushButton#primary:focus { border-color: @onAccent; }"
                    "QToolButton:focus { border: 2px solid @accent; padding: 1px; }"
                    "QPushButton:disabled { color: @dim; background: @window; }"
                    "QPushButton[segment] { border-radius: 0; border-left-width: 0; padding: 2px 8px; }"
                    "QPushButton[segment]:focus { border: 2px solid @accent; padding: 1px 7px; }"
                    "QPushButton[segment]:checked:focus { border-color: @onAccent; }"
                    "QPushButton[segment=\"first\"], QPushButton[segment=\"only\"] { border-left-width: 1px; border-top-left-radius: 4px; border-bottom-left-radius: 4px; }"
                    "QPushButton[segment=\"last\"], QPushButton[segment=\"only\"] { border-top-right-radius: 4px; border-bottom-right-radius: 4px; }"
                    "QCheckBox { border: 2px solid transparent; border-radius: 4px; padding: 1px 3px; }"
                    "QCheckBox:focus { border-color: @accent; }"
                    "QLabel#menuHeading { color: @faint; padding: 6px 8px 2px 8px; font-weight: 600; }"
                    "QPushButton#primary { background: @accent; color: @onAccent; border-color: @accent; font-weight: 600; }"
                    "QPushButton#primary:disabled { background: @line; color: @dim; border-color: @line; }"
                    "QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 2px; }"
                    "QToolButton:pressed, QToolButton:checked { background: @selection; }"
                    "QToolButton::menu-indicator { image: none; }"
                    "QLineEdit { background: @field; border: 1px solid @line; border-radius: 4px; padding: 2px 6px; }"
                    "QLineEdit:focus, QTreeView:focus, QTableView:focus, QListView:focus, QPlainTextEdit:focus, QTextBrowser:focus { border-color: @accent; }"
                    "QHeaderView { background: @window; border: none; }"
                    "QHeaderView::section { background: @window; color: @faint; border: none; border-bottom: 1px solid @line;"
                    " padding: 2px 4px; }"
                    "QTreeView, QTableView, QListView, QPlainTextEdit, QTextBrowser { border: 1px solid transparent; background: @window; }"
                    "QTreeView::item, QTableView::item { border: none; }"
                    "QTableView::item { padding: 0 6px; }"   // a right-aligned column beside a left-aligned one
                    "QTableView QHeaderView::section { padding: 2px 6px; }"
                    "QTreeView::item:selected, QTableView::item:selected { background: @selection; color: @text; }"
                    "QProgressBar { background: @field; border: 1px solid @line; border-radius: 4px; }"
                    "QProgressBar::chunk { background: @accent; border-radius: 3px; }"
                    "QSlider::groove:horizontal { height: 4px; background: @line; border-radius: 2px; }"
                    "QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }"
                    "QSlider::sub-page:horizontal:disabled { background: @line; }"
                    "QSlider::handle:horizontal { width: 12px; margin: -6px 0; border-radius: 7px; background: @raised; border: 1px solid @faint; }"
                    "QSlider::handle:horizontal:focus { border: 2px solid @accent; background: @text; }"
                    "QTabBar { background: @window; }"
                    "QTabBar::tab { background: transparent; color: @faint; border: 2px solid transparent; padding: 2px 10px; }"
                    "QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }"
                    "QTabBar::tab:hover { color: @text; }"
                    "QTabBar::tab:selected:focus { border-color: @accent; border-radius: 4px; }"
                    "QDockWidget::title { background: @window; padding: 4px 8px; }"
                    "QMainWindow::separator { background: @line; width: 1px; height: 1px; }"
                    "QSplitter::handle { background: @line; }"
                    "QScrollArea { border: none; }"_s;
    const QColor dim((c.faint.red() + c.window.red()) / 2, (c.faint.green() + c.window.green()) / 2, (c.faint.blue() + c.window.blue()) / 2);
    const std::array<std::pair<QString, QColor>, 11> words{{{u"@onAccent"_s, c.onAccent}, {u"@accent"_s, c.accent}, {u"@selection"_s, c.selection},
        {u"@window"_s, c.window}, {u"@panel"_s, c.panel}, {u"@field"_s, c.field}, {u"@raised"_s, c.raised}, {u"@line"_s, c.line},
        {u"@text"_s, c.text}, {u"@faint"_s, c.faint}, {u"@card"_s, c.card}}};
    for (const auto& [word, colour] : words)
        sheet.replace(word, colour.name());
    return sheet.replace(u"@dim"_s, dim.name());
}

/// Paints one SVG in the colour that the theme in force asks for, at any size.
class TintedIcon final : public QIconEngine {
public:
    explicit TintedIcon(QByteArray svg) : m_svg(std::move(svg)) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override
    {
        const Colours& c = colours();
        QColor colour = mode == QIcon::Disabled ? c.line : c.text;
        if (mode != QIcon::Disabled && state == QIcon::On)
            colour = c.accentText;
        if (mode == QIcon::Active)
            colour = c.accentText;
        QByteArray tinted = m_svg;
        tinted.replace("currentColor", colour.name().toLatin1());
        QSvgRenderer renderer(tinted);
        const int side = std::min(rect.width(), rect.height());
        renderer.render(painter, QRectF(rect.x() + (rect.width() - side) / 2.0, rect.y() + (rect.height() - side) / 2.0, side, side));
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap image(size);
        image.fill(Qt::transparent);
        QPainter painter(&image);
        paint(&painter, QRect(QPoint(0, 0), size), mode, state);
        return image;
    }
    QIconEngine* clone() const override { return new TintedIcon(*this); }
    QString key() const override { return u"halftone"_s; }

private:
    QByteArray m_svg;
};

double luminance(const QColor& colour)
{
    const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

bool digitsAlike(const QFont& font)
{
    const QFontMetricsF metrics(font);
    const double width = metrics.horizontalAdvance(u'0');
    for (char16_t digit = u'1'; digit <= u'9'; ++digit)
        if (std::abs(metrics.horizontalAdvance(QChar(digit)) - width) > 0.01)
            return false;
    return true;
}

} // namespace

const Colours& colours(Theme theme)
{
    static const Colours dark = darkColours();
    static const Colours light = lightColours();
    return theme == Theme::Dark ? dark : light;
}

const Colours& colours()
{
    return colours(theTheme);
}

Theme currentTheme()
{
    return theTheme;
}

void applyTheme(QApplication& application, Theme theme)
{
    theTheme = theme;
    const Colours& c = colours(theme);
    static bool styled = false;
    if (!styled)
        application.setStyle(new CalmStyle);
    styled = true;
    application.setPalette(makePalette(c));
    application.setStyleSheet(makeStyleSheet(c));
}

void setReducedMotion(QApplication& application, bool reduced)
{
    static const int flash = QGuiApplication::styleHints()->cursorFlashTime();   // the desktop's
    theReducedMotion = reduced;
    application.setCursorFlashTime(reduced ? 0 : flash);
    for (const Qt::UIEffect effect : {Qt::UI_AnimateMenu, Qt::UI_FadeMenu, Qt::UI_AnimateCombo, Qt::UI_AnimateTooltip, Qt::UI_FadeTooltip})
        QApplication::setEffectEnabled(effect, false);
}

bool reducedMotion()
{
    return theReducedMotion;
}

double contrast(const QColor& a, const QColor& b)
{
    const double x = luminance(a), y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

QIcon icon(const QString& name)
{
    initIcons();
    static QHash<QString, QIcon> known;
    const auto found = known.constFind(name);
    if (found != known.constEnd())
        return *found;
    QFile file(u":/halftone/icons/%1.svg"_s.arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return *known.insert(name, QIcon(new TintedIcon(file.readAll())));
}

QIcon applicationIcon()
{
    initIcons();
    return QIcon(u":/halftone/icons/halftone.svg"_s);
}

QFont tabularFont(const QFont& base, bool bold, double pointsLess)
{
    QFont font = base;
    if (!digitsAlike(font)) {
        for (const QString& family : {u"Noto Sans"_s, u"Liberation Sans"_s, u"DejaVu Sans"_s}) {
            if (!QFontDatabase::hasFamily(family))
                continue;
            font.setFamilies({family});
            break;
        }
    }
    if (pointsLess != 0) {
        if (font.pointSizeF() > 0)
            font.setPointSizeF(std::max(6.0, font.pointSizeF() - pointsLess));
        else
            font.setPixelSize(std::max(8, static_cast<int>(std::lround(font.pixelSize() - pointsLess * 4 / 3))));
    }
    if (bold)
        font.setWeight(QFont::DemiBold);
    return font;
}

} // namespace halftone
