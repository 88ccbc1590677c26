#pragma once

#include "tests/app/desk.h"
#include "app/studio/main_window.h"
#include "widgets/palette.h"

#include <QAction>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSettings>
#include <QTemporaryDir>
#include <QtTest>

#include <memory>

/// A step that is itself a list of checks: the test ends where one fails.
#define STEP(call)                      \
    do {                                \
        call;                           \
        if (QTest::currentTestFailed()) \
            return;                     \
    } while (false)

namespace halftone {

/// The real window offscreen, with settings, projects and logs in a folder that goes with the test.
class WindowFixture : public QObject {
    Q_OBJECT
protected:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<MainWindow> m_window;

    static QString modelFolder() { return QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama"); }
    static QString textFile() { return QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt"); }

    Document& document() { return m_window->document(); }

    void begin()
    {
        QTest::failOnWarning(QRegularExpression(QStringLiteral("^(?!This plugin does not support)")));   // the offscreen platform
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_folder->filePath(QStringLiteral("settings")));
        start();
    }

    void start()
    {
        m_window = std::make_unique<MainWindow>(m_folder->filePath(QStringLiteral("projects")), m_folder->filePath(QStringLiteral("logs")));
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        QTRY_VERIFY(!m_window->jobs().busy());
    }

    void end()
    {
        if (m_window)
            m_window->quitNow();
        m_window.reset();
    }

    void openModel(const QString& path = modelFolder())
    {
        m_window->openPath(path);
        QTRY_VERIFY(document().isOpen());
        QTRY_VERIFY(!m_window->jobs().busy());
    }

    void analyze()
    {
        m_window->tasks().analyze({textFile(), 2, 64, {}});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().hasAnalysis(), 60000);
    }

    QAction* action(const QString& name) { return m_window->findChild<QAction*>(name); }

    void trigger(const QString& name)
    {
        QAction* found = action(name);
        QVERIFY2(found, qPrintable(name));
        QVERIFY2(found->isEnabled(), qPrintable(name));
        found->trigger();
    }

    /// Keys for whatever has the focus, as a keyboard sends them; shortcuts included.
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers = {})
    {
        QWidget* active = QApplication::activeModalWidget() ? QApplication::activeModalWidget() : m_window.get();
        active->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(active));
        QWidget* target = active->focusWidget() ? active->focusWidget() : active;
        QTest::keyClick(target, key, modifiers);
    }

    static void write(const QString& path, const QByteArray& bytes)
    {
        QDir().mkpath(QFileInfo(path).path());
        QFile file(path);
        if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size())
            qFatal("the test's file cannot be written");
    }

    /// Kept to be looked at, where HALFTONE_PICTURES names a folder.
    void keepPicture(QWidget* widget, const QString& name)
    {
        if (const QString folder = qEnvironmentVariable("HALFTONE_PICTURES"); !folder.isEmpty())
            QVERIFY(widget->grab().save(folder + QLatin1Char('/') + name + QStringLiteral(".png")));
    }
};

} // namespace halftone
