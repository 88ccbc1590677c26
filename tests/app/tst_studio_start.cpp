#include "app/studio/settings.h"
#include "widgets/message_banner.h"
#include "widgets/view_frame.h"
#include "window_fixture.h"

#include <QFileDialog>
#include <QLabel>
#include <QMenu>
#include <QProcess>
#include <QPushButton>
#include <QStyle>
#include <QToolButton>
#include <QtTest>

#include <tuple>

#ifdef HALFTONE_DBUS
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusVariant>
#include <QStandardPaths>
#endif

using namespace halftone;
using namespace Qt::StringLiterals;

#ifdef HALFTONE_DBUS
/// A desktop's settings portal, on a bus of the test's own.
class Portal : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.portal.Settings")
public:
    uint scheme = 0;
    void set(uint to, const QDBusConnection& bus)
    {
        scheme = to;
        QDBusMessage told = QDBusMessage::createSignal(u"/org/freedesktop/portal/desktop"_s, u"org.freedesktop.portal.Settings"_s, u"SettingChanged"_s);
        told << u"org.freedesktop.appearance"_s << u"color-scheme"_s << QVariant::fromValue(QDBusVariant(scheme));
        QVERIFY(bus.send(told));
    }

public Q_SLOTS:
    QDBusVariant Read(const QString& space, const QString& key)
    {
        return QDBusVariant(space == u"org.freedesktop.appearance"_s && key == u"color-scheme"_s ? QVariant::fromValue(QDBusVariant(scheme)) : QVariant(0U));
    }
};
#endif

/// What the window remembers between starts, and what it follows of the desktop: recent models, pins, motion, colours.
class TestStudioStart : public WindowFixture {
    Q_OBJECT

private:
    QString copyOfModel(const QString& name)
    {
        const QString copy = m_folder->filePath(name);
        QDir().mkpath(copy);
        for (const QString& file : {u"config.json"_s, u"tokenizer.json"_s, u"tokenizer_config.json"_s, u"model.safetensors"_s})
            if (!QFile::copy(modelFolder() + u'/' + file, copy + u'/' + file))
                qFatal("the test's model cannot be copied");
        return copy;
    }
    void openAndClose(const QString& path)
    {
        STEP(openModel(path));
        document().close();
        QTRY_VERIFY(!document().isOpen() && !m_window->jobs().busy());
    }
    QString recentName(int row)
    {
        auto* button = m_window->findChild<QPushButton*>(u"recent%1"_s.arg(row));
        return button ? button->text().section(u"   "_s, 0, 0) : QString();
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

#ifdef HALFTONE_DBUS
    void theColoursFollowTheDesktop()
    {
        const QString program = QStandardPaths::findExecutable(u"dbus-daemon"_s);
        if (program.isEmpty())
            QSKIP("needs dbus-daemon");
        QProcess daemon;
        daemon.start(program, {u"--session"_s, u"--nofork"_s, u"--print-address"_s});
        QVERIFY(daemon.waitForReadyRead(10000));
        const QByteArray address = daemon.readLine().trimmed();
        qputenv("DBUS_SESSION_BUS_ADDRESS", address);
        Portal portal;
        portal.scheme = 2;   // light
        QDBusConnection bus = QDBusConnection::connectToBus(QString::fromUtf8(address), u"portal"_s);
        QVERIFY(bus.registerObject(u"/org/freedesktop/portal/desktop"_s, &portal, QDBusConnection::ExportAllSlots));
        QVERIFY(bus.registerService(u"org.freedesktop.portal.Desktop"_s));
        STEP(trigger(u"theme-system"_s));
        m_window->followDesktop();
        QTRY_COMPARE(currentTheme(), Theme::Light);
        portal.set(1, bus);
        QTRY_COMPARE(currentTheme(), Theme::Dark);
        QVERIFY(m_window->palette().color(QPalette::Window) == colours(Theme::Dark).window);
        STEP(trigger(u"theme-light"_s));       // a choice of one's own stands
        portal.set(2, bus);
        portal.set(1, bus);
        QTest::qWait(50);
        QCOMPARE(currentTheme(), Theme::Light);
        STEP(trigger(u"theme-system"_s));      // and given up, the desktop's is there at once
        QCOMPARE(currentTheme(), Theme::Dark);
        QCOMPARE(Settings().theme(), Theme::Dark);   // at the next start from the first paint on
        QDBusConnection::disconnectFromBus(u"portal"_s);
        qunsetenv("DBUS_SESSION_BUS_ADDRESS");
        daemon.terminate();
        QVERIFY(daemon.waitForFinished(10000));
    }
#endif

    void aPinnedModelStaysAtTheTopOfTheList()
    {
        const QString first = copyOfModel(u"first"_s), second = copyOfModel(u"second"_s), third = copyOfModel(u"third"_s);
        for (const QString& path : {first, second, third})
            STEP(openAndClose(path));
        QCOMPARE(recentName(0), u"third"_s);
        QCOMPARE(recentName(2), u"first"_s);
        auto* pin = m_window->findChild<QToolButton*>(u"pin2"_s);
        QVERIFY(pin && !pin->isChecked());
        QVERIFY(!pin->accessibleName().isEmpty() && !pin->toolTip().isEmpty());
        QTest::mouseClick(pin, Qt::LeftButton);
        QTRY_COMPARE(recentName(0), u"first"_s);
        QCOMPARE(recentName(1), u"third"_s);
        QVERIFY(m_window->findChild<QToolButton*>(u"pin0"_s)->isChecked());
        QVERIFY(!action(u"recentPath0"_s)->icon().isNull());
        QCOMPARE(action(u"recentPath0"_s)->text(), first);
        // However many come after it, and over a start.
        Settings settings;
        for (int i = 0; i < 12; ++i)
            settings.addRecent(m_folder->filePath(u"other%1"_s.arg(i)));
        end();
        STEP(start());
        QCOMPARE(recentName(0), u"first"_s);
        keepPicture(m_window.get(), u"recent-pinned"_s);
        // What was open last is still what comes back, not what is pinned.
        QCOMPARE(Settings().recent().front(), m_folder->filePath(u"other11"_s));
        pin = m_window->findChild<QToolButton*>(u"pin0"_s);
        pin->setFocus();
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(recentName(0) != u"first"_s);
        QVERIFY(Settings().pinned().isEmpty());
    }

    void recentModelsThatAreGoneAreSaidAndForgotten()
    {
        const QString copy = copyOfModel(u"short-lived"_s);
        STEP(openAndClose(copy));
        QVERIFY(!m_window->findChild<QToolButton*>(u"forget0"_s));
        QVERIFY(QDir(copy).removeRecursively());
        end();
        STEP(start());
        QTRY_VERIFY(m_window->findChild<QToolButton*>(u"forget0"_s));
        QVERIFY(m_window->findChild<QPushButton*>(u"recent0"_s)->text().contains(u"not there"_s));
        keepPicture(m_window.get(), u"recent-missing"_s);
        QTest::mouseClick(m_window->findChild<QPushButton*>(u"recent0"_s), Qt::LeftButton);
        QTRY_VERIFY(m_window->messages().contains(u"open"_s));
        QTest::mouseClick(m_window->findChild<QToolButton*>(u"forget0"_s), Qt::LeftButton);
        QTRY_VERIFY(!m_window->findChild<QPushButton*>(u"recent0"_s));
    }

    void aModelThatMovedIsFoundByPointingAtIt()
    {
        const QString copy = copyOfModel(u"moving"_s);
        STEP(openModel(copy));
        STEP(analyze());
        const QString project = QString::fromStdString(document().project()->folder().string());
        end();
        const QString moved = m_folder->filePath(u"moved"_s);
        QVERIFY(QDir().rename(copy, moved));
        STEP(start());
        m_window->openPath(project);
        QTRY_VERIFY(m_window->messages().contains(u"find-model"_s));
        QVERIFY(!document().isOpen());
        auto* message = m_window->messages().findChild<QWidget*>(u"message-find-model"_s);
        QVERIFY(message);
        keepPicture(m_window.get(), u"model-gone"_s);
        const auto pointAt = [&](const QString& folder) {
            QTest::mouseClick(m_window->messages().findChild<QWidget*>(u"message-find-model"_s)->findChild<QPushButton*>(u"action"_s), Qt::LeftButton);
            auto* dialog = m_window->findChild<QFileDialog*>(u"findModelDialog"_s);
            QVERIFY(dialog);
            QCOMPARE(dialog->fileMode(), QFileDialog::Directory);
            Q_EMIT dialog->fileSelected(folder);
            dialog->close();
        };
        // Another model in its place is refused, and the question stays.
        const QString other = copyOfModel(u"other"_s);
        QByteArray config;
        {
            QFile file(other + u"/config.json"_s);
            QVERIFY(file.open(QIODevice::ReadOnly));
            config = file.readAll();
        }
        QVERIFY(QFile::remove(other + u"/config.json"_s));
        write(other + u"/config.json"_s, config + "\n");
        STEP(pointAt(other));
        QTRY_VERIFY(m_window->messages().contains(u"open"_s));
        QVERIFY(!document().isOpen());
        m_window->openPath(project);
        QTRY_VERIFY(m_window->messages().contains(u"find-model"_s));
        STEP(pointAt(moved));
        QTRY_VERIFY(document().isOpen());
        QVERIFY(document().hasAnalysis() || m_window->jobs().busy());
        QCOMPARE(QString::fromStdString(document().project()->modelPath().string()), QFileInfo(moved).canonicalFilePath());
    }

    void whatIsOddAboutAModelIsSaidWhenItOpens()
    {
        const QString copy = copyOfModel(u"odd"_s);
        STEP(openModel(copy));
        STEP(analyze());
        QVERIFY(!m_window->messages().contains(u"model"_s));
        end();
        QFile file(copy + u"/config.json"_s);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QByteArray config = file.readAll().trimmed();
        file.close();
        config.chop(1);
        QVERIFY(QFile::remove(file.fileName()));
        write(file.fileName(), config + ", \"sliding_window\": 5}");
        STEP(start());
        STEP(openModel(copy));
        QVERIFY(m_window->messages().contains(u"model"_s));          // the stock class reads no such field
        QVERIFY(m_window->messages().contains(u"model-changed"_s));  // and the analysis was made without it
    }

    void theLastModelComesBackAtStartForThoseWhoWantIt()
    {
        STEP(openModel());
        QVERIFY(!action(u"reopenLast"_s)->isChecked());   // nobody is surprised
        STEP(trigger(u"reopenLast"_s));
        end();
        STEP(start());
        QVERIFY(action(u"reopenLast"_s)->isChecked());
        QVERIFY(Settings().reopensLast());
        m_window->openLast();
        QTRY_VERIFY(document().isOpen());
        QCOMPARE(document().name(), u"tiny-llama"_s);
    }

    void motionIsReducedForThoseWhoWantIt()
    {
        const auto duration = [] { return QApplication::style()->styleHint(QStyle::SH_Widget_Animation_Duration); };
        QVERIFY(duration() <= 120);
        QVERIFY(QApplication::style()->styleHint(QStyle::SH_Widget_Animate));
        STEP(trigger(u"reduceMotion"_s));
        QCOMPARE(duration(), 0);
        QVERIFY(!QApplication::style()->styleHint(QStyle::SH_Widget_Animate));
        QCOMPARE(QApplication::cursorFlashTime(), 0);
        end();
        STEP(start());                         // remembered
        QCOMPARE(duration(), 0);
        STEP(trigger(u"reduceMotion"_s));
        QVERIFY(duration() > 0);
    }

    void withoutADisplayItSaysWhatDoesWithoutOne()
    {
        QProcessEnvironment bare = QProcessEnvironment::systemEnvironment();
        for (const QString& key : {u"DISPLAY"_s, u"WAYLAND_DISPLAY"_s, u"QT_QPA_PLATFORM"_s})
            bare.remove(key);
        bare.insert(u"XDG_CONFIG_HOME"_s, m_folder->filePath(u"config"_s));
        const auto run = [&](const QStringList& words) {
            QProcess program;
            program.setProcessEnvironment(bare);
            program.start(QStringLiteral(HALFTONE_STUDIO), words);
            const bool ended = program.waitForFinished(60000) && program.exitStatus() == QProcess::NormalExit;
            return std::tuple(ended ? program.exitCode() : -1, QString::fromUtf8(program.readAllStandardOutput()), QString::fromUtf8(program.readAllStandardError()));
        };
        for (const QStringList& words : {QStringList(), QStringList{QStringLiteral(HALFTONE_TEST_DATA "/model/llama")}}) {
            const auto [code, out, error] = run(words);
            QVERIFY2(code == 3 && error.contains(u"halftone-cli"_s), qPrintable(QString::number(code) + error));
        }
        const auto [code, out, error] = run({u"--version"_s});
        QVERIFY2(code == 0 && out.contains(u"alftone"_s), qPrintable(out + error));
        QCOMPARE(std::get<0>(run({u"--help"_s})), 0);
    }

    void everyViewFollowsTheThemeLive()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        for (const QString& theme : {u"theme-light"_s, u"theme-dark"_s}) {
            STEP(trigger(theme));
            const QColor ground = colours().window;
            const auto figures = m_window->findChildren<QLabel*>(QRegularExpression(u"^whatIf-.*-now$"_s)) + m_window->findChildren<QLabel*>(u"inspectorFacts"_s);
            QVERIFY(figures.size() > 4);
            for (const QLabel* figure : figures)
                QTRY_VERIFY2(figure->palette().color(QPalette::WindowText) == colours().text || figure->palette().color(QPalette::WindowText) == colours().faint,
                             qPrintable(figure->objectName()));
            for (ViewFrame* view : m_window->findChildren<ViewFrame*>()) {
                if (!view->isVisible() || view->visibleRegion().isEmpty())
                    continue;
                const QImage picture = view->grab().toImage();
                int own = 0, all = 0;
                const QColor other = colours(theme == u"theme-light"_s ? Theme::Dark : Theme::Light).window;
                int others = 0;
                for (int y = 0; y < picture.height(); y += 4)
                    for (int x = 0; x < picture.width(); x += 4, ++all) {
                        own += picture.pixelColor(x, y) == ground ? 1 : 0;
                        others += picture.pixelColor(x, y) == other ? 1 : 0;
                    }
                QVERIFY2(own * 20 > all, qPrintable(u"%1: %2 of %3"_s.arg(view->id()).arg(own).arg(all)));
                QVERIFY2(others * 50 < all, qPrintable(u"%1 keeps %2 of %3 pixels of the other theme"_s.arg(view->id()).arg(others).arg(all)));
            }
        }
    }
};

QTEST_MAIN(TestStudioStart)
#include "tst_studio_start.moc"
