#include "app/studio/window_script.h"

#include "app/studio/main_window.h"
#include "app/studio/resources.h"
#include "app/studio/study_desk.h"
#include "app/studio/text.h"
#include "core/analysis/site_statistics.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/project/replace_guard.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"
#include "widgets/texts_view.h"
#include "widgets/view_frame.h"

#include <QAction>
#include <QApplication>
#include <QBuffer>
#include <QComboBox>
#include <QDialog>
#include <QDir>
#include <QDockWidget>
#include <QFileInfo>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QPixmap>
#include <QStatusBar>
#include <QToolButton>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kTick = 60;    // ms
constexpr int kQuiet = 3;    // ticks without work before a step: layouts settle, previews start

/// The window with the dialogs and pages that stand before it, as a person sees it.
QPixmap portrait(QWidget& window)
{
    QPixmap picture = window.grab();
    QPainter painter(&picture);
    for (QWidget* other : QApplication::topLevelWidgets()) {
        if (other == &window || !other->isVisible() || !(other->windowFlags() & Qt::Window) || other->windowType() == Qt::ToolTip)
            continue;
        const QPixmap front = other->grab();
        if (other->windowType() == Qt::Popup) {
            painter.drawPixmap(window.mapFromGlobal(other->pos()), front);
            continue;
        }
        QRect place(QPoint(0, 0), other->size());
        place.moveCenter(window.rect().center());
        painter.fillRect(window.rect(), QColor(0, 0, 0, 70));
        painter.drawPixmap(place.topLeft(), front);
        painter.setPen(colours().line);
        painter.drawRect(place.adjusted(-1, -1, 0, 0));
    }
    return picture;
}

} // namespace

WindowScript::WindowScript(MainWindow& window, const QJsonArray& steps, bool replaces)
    : QObject(&window)
    , m_window(window)
    , m_steps(steps)
    , m_replaces(replaces)
    , m_timer(this)
{
    connect(&m_timer, &QTimer::timeout, this, &WindowScript::look);
    connect(&window.document(), &Document::analysisStarted, this, [this] { m_blocks = 0; });
    connect(&window.document(), &Document::analysisBlockAdded, this, [this](int) {
        ++m_blocks;
        if (m_next >= m_steps.size())
            return;
        const QJsonObject step = m_steps[m_next].toObject();
        if (step.contains(u"blocks"_s) && m_blocks >= step.value(u"blocks"_s).toInt()) {
            ++m_next;
            shoot(step.value(u"shot"_s).toString());
        }
    });
    m_timer.start(kTick);
}

void WindowScript::look()
{
    if (m_window.jobs().busy() || m_window.document().isOpening()) {
        m_quiet = 0;
        return;
    }
    if (++m_quiet < kQuiet)
        return;
    m_quiet = 0;
    if (m_next >= m_steps.size()) {
        m_timer.stop();
        Q_EMIT finished({});
        return;
    }
    take(m_steps[m_next++].toObject());
}

void WindowScript::fail(const QString& fault)
{
    m_timer.stop();
    m_next = static_cast<int>(m_steps.size());
    Q_EMIT finished(fault);
}

void WindowScript::take(const QJsonObject& step)
{
    Document& document = m_window.document();
    const QString verb = step.keys().value(0);
    if (step.contains(u"shot"_s)) {
        shoot(step.value(u"shot"_s).toString());
    } else if (step.contains(u"open"_s)) {
        m_window.openPath(step.value(u"open"_s).toString());
    } else if (step.contains(u"close"_s)) {
        document.close();
    } else if (step.contains(u"closeHelp"_s)) {
        if (auto* help = m_window.findChild<QWidget*>(u"help"_s))
            help->close();
    } else if (step.contains(u"dismiss"_s)) {
        m_window.messages().clear();
        if (QWidget* focus = m_window.focusWidget())
            focus->clearFocus();
    } else if (step.contains(u"trigger"_s)) {
        auto* action = m_window.findChild<QAction*>(step.value(u"trigger"_s).toString());
        if (!action || !action->isEnabled())
            return fail(u"there is no such action now: "_s + step.value(u"trigger"_s).toString());
        action->trigger();
    } else if (step.contains(u"key"_s)) {
        QWidget* active = QApplication::activePopupWidget() ? QApplication::activePopupWidget() : QApplication::activeModalWidget() ? QApplication::activeModalWidget() : &m_window;
        QWidget* target = active->focusWidget() ? active->focusWidget() : active;
        const int key = QKeySequence::fromString(step.value(u"key"_s).toString())[0].key();
        for (const auto type : {QEvent::KeyPress, QEvent::KeyRelease})
            QApplication::postEvent(target, new QKeyEvent(type, key, Qt::NoModifier));
    } else if (step.contains(u"focus"_s)) {
        auto* widget = m_window.findChild<QWidget*>(step.value(u"focus"_s).toString());
        if (!widget)
            return fail(u"there is no such widget: "_s + step.value(u"focus"_s).toString());
        widget->setFocus();
    } else if (step.contains(u"size"_s)) {
        const QJsonArray size = step.value(u"size"_s).toArray();
        m_window.resize(size.at(0).toInt(), size.at(1).toInt());
    } else if (step.contains(u"select"_s)) {
        const QJsonObject wish = step.value(u"select"_s).toObject();
        Selection selection;
        selection.block = wish.value(u"block"_s).toInt(-1);
        selection.site = SiteKind::find(wish.value(u"site"_s).toString().toStdString());
        selection.linear = wish.value(u"linear"_s).toString().toStdString();
        selection.setChannel(wish.value(u"channel"_s).toInt(-1), wish.value(u"channels"_s).toInt(1));
        selection.setToken(wish.value(u"token"_s).toInt(-1), wish.value(u"tokens"_s).toInt(1));
        document.select(selection);
    } else if (step.contains(u"view"_s)) {
        auto* dock = m_window.findChild<QDockWidget*>(step.value(u"view"_s).toString() + u"Dock"_s);
        if (!dock)
            return fail(u"there is no such view: "_s + step.value(u"view"_s).toString());
        m_window.workspaces().toggleFullScreen(dock);
    } else if (step.contains(u"raise"_s)) {
        auto* dock = m_window.findChild<QDockWidget*>(step.value(u"raise"_s).toString() + u"Dock"_s);
        if (!dock)
            return fail(u"there is no such view: "_s + step.value(u"raise"_s).toString());
        dock->show();
        dock->raise();
    } else if (step.contains(u"pick"_s)) {
        auto* texts = m_window.findChild<TextsView*>();
        texts->setPicked(step.value(u"pick"_s).toInt());
    } else if (step.contains(u"edit"_s)) {
        const QJsonObject edit = step.value(u"edit"_s).toObject();
        PlanPatch patch;
        patch.bits = edit.value(u"bits"_s).toInt(16);
        document.editPlans({edit.value(u"linear"_s).toString()}, patch);
    } else if (step.contains(u"plot"_s)) {
        savePlot(step);
    } else if (step.contains(u"choose"_s)) {
        auto* list = m_window.findChild<QComboBox*>(step.value(u"choose"_s).toString());
        if (!list || step.value(u"index"_s).toInt() >= list->count())
            return fail(u"there is no such choice: "_s + step.value(u"choose"_s).toString());
        list->setCurrentIndex(step.value(u"index"_s).toInt());
    } else if (step.contains(u"menu"_s)) {
        popUp(step);
    } else if (step.contains(u"study"_s)) {
        runStudy(step.value(u"study"_s).toString());
    } else if (step.contains(u"analyze"_s) || step.contains(u"quantize"_s) || step.contains(u"evaluate"_s)) {
        runJob(step);
    } else {
        fail(u"no such step: "_s + verb);
    }
}

void WindowScript::runJob(const QJsonObject& step)
{
    Document& document = m_window.document();
    Tasks& tasks = m_window.tasks();
    const bool again = step.value(u"again"_s).toBool();
    const auto number = [](const QJsonObject& of, const QString& key, int fallback) { return of.value(key).toInt(fallback); };
    const auto text = [](const QJsonObject& of, const QString& fallback) { return of.contains(u"text"_s) ? of.value(u"text"_s).toString() : resourceFile(fallback); };
    const int longest = static_cast<int>(std::clamp<std::int64_t>(document.isOpen() ? document.model().config.maxPositions : 0, 2, 512));
    if (!document.isOpen())
        return fail(u"no model is open"_s);
    if (const QJsonObject job = step.value(u"analyze"_s).toObject(); step.contains(u"analyze"_s)) {
        if (again || !document.hasAnalysis())
            tasks.analyze({text(job, u"text/sample.txt"_s), number(job, u"windows"_s, 4), number(job, u"length"_s, longest), {}});
    } else if (step.contains(u"quantize"_s)) {
        if (again || !document.latestRun())
            tasks.quantize({text(step.value(u"quantize"_s).toObject(), u"text/sample.txt"_s), true});
    } else if (again || document.evaluations().empty()) {
        const QJsonObject of = step.value(u"evaluate"_s).toObject();
        const QString heldOut = text(of, u"text/held-out.txt"_s);
        const int windows = number(of, u"windows"_s, 4), length = number(of, u"length"_s, longest);
        tasks.evaluate({heldOut, windows, length, EvaluationRecord::Target::Float, {}, false});
        if (document.latestRun()) {
            tasks.evaluate({heldOut, windows, length, EvaluationRecord::Target::Run, toQString(document.latestRun()->id), true});
            tasks.evaluate({heldOut, windows, length, EvaluationRecord::Target::Recipe, {}, true});
        }
    }
}

void WindowScript::runStudy(const QString& file)
{
    const Document& document = m_window.document();
    if (!document.isOpen())
        return fail(u"no model is open"_s);
    try {
        Study study = Study::load(toPath(file));
        if (study.texts.empty())
            study.texts = {{"held-out.txt", toPath(resourceFile(u"text/held-out.txt"_s))}};
        if (study.calibrationText.empty())
            study.calibrationText = toPath(resourceFile(u"text/sample.txt"_s));
        study.model = document.model().path;
        m_window.studies().run(study);
    } catch (const Error& error) {
        fail(QString::fromUtf8(error.what()));
    }
}

void WindowScript::savePlot(const QJsonObject& step)
{
    auto* view = m_window.findChild<ViewFrame*>(step.value(u"plot"_s).toString() + u"View"_s);
    const QJsonArray size = step.value(u"pixels"_s).toArray();
    const QString file = step.value(u"file"_s).toString();
    if (!view)
        return fail(u"there is no such view: "_s + step.value(u"plot"_s).toString());
    QDir().mkpath(QFileInfo(file).absolutePath());
    try {
        requireTarget(file);
        view->saveTo(file, QSize(size.at(0).toInt(), size.at(1).toInt()), 1);
    } catch (const Error& error) {
        fail(QString::fromUtf8(error.what()));
    }
}

void WindowScript::popUp(const QJsonObject& step)
{
    auto* menu = m_window.findChild<QMenu*>(step.value(u"menu"_s).toString());
    if (!menu)
        return fail(u"there is no such menu: "_s + step.value(u"menu"_s).toString());
    QPoint place = m_window.mapToGlobal(QPoint(step.value(u"at"_s).toArray().at(0).toInt(), step.value(u"at"_s).toArray().at(1).toInt()));
    for (const QToolButton* button : m_window.findChildren<QToolButton*>())
        if (button->menu() == menu && !step.contains(u"at"_s))
            place = button->mapToGlobal(QPoint(button->width() - menu->sizeHint().width(), button->height()));
    menu->popup(place);
    menu->move(place);   // the screen of a headless platform may be smaller than the window
}

void WindowScript::shoot(const QString& file)
{
    QDir().mkpath(QFileInfo(file).absolutePath());
    m_window.statusBar()->clearMessage();
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    if (!portrait(m_window).save(&buffer, "PNG"))
        return fail(file + u": the picture is too large for PNG"_s);
    try {
        requireTarget(file);
        writeFileAtomically(toPath(file), {bytes.constData(), static_cast<std::size_t>(bytes.size())});
    } catch (const Error& error) {
        fail(QString::fromUtf8(error.what()));
    }
}

void WindowScript::requireTarget(const QString& file) const
{
    std::vector<Precious> precious;
    const Document& document = m_window.document();
    if (document.isOpen()) {
        precious.push_back({document.model().path, "the model"});
        precious.push_back({document.project()->folder(), "the project"});
    }
    requireFileTarget(toPath(file), m_replaces, precious);
}

} // namespace halftone
