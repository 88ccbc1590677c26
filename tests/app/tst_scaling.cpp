#include "tests/app/window_fixture.h"
#include "widgets/layers_view.h"
#include "widgets/view_frame.h"

#include <QDockWidget>
#include <QLabel>
#include <QProcess>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The window at 200 %, where QT_SCALE_FACTOR says so: this test starts itself again with it, on the arrangement that it saved at 100 %.
class TestScaling : public WindowFixture {
    Q_OBJECT

private:
    static bool scaled() { return qEnvironmentVariableIsSet("HALFTONE_TEST_ARRANGED"); }
    QDockWidget* dock(const QString& name) { return m_window->findChild<QDockWidget*>(name + u"Dock"_s); }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Light); }
    void init() { begin(); }
    void cleanup() { end(); }

    void anArrangementOfOneScaleFitsAtTwice()
    {
        if (!scaled()) {
            STEP(openModel());
            m_window->resize(1900, 1000);   // room to spare: a panel can grow
            QTest::qWait(50);
            STEP(trigger(u"show-channels"_s));
            const int before = dock(u"layers"_s)->width();
            m_window->resizeDocks({dock(u"layers"_s)}, {before + 40}, Qt::Horizontal);
            QTest::qWait(20);
            const int width = dock(u"layers"_s)->width();
            QVERIFY(width > before + 20);
            end();
            QProcess again;
            QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
            environment.insert(u"QT_SCALE_FACTOR"_s, u"2"_s);
            environment.insert(u"HALFTONE_TEST_ARRANGED"_s, m_folder->filePath(u"settings"_s));
            environment.insert(u"HALFTONE_TEST_WIDTH"_s, QString::number(width));
            again.setProcessEnvironment(environment);
            again.setProcessChannelMode(QProcess::ForwardedChannels);
            again.start(QCoreApplication::applicationFilePath(), {});
            QVERIFY(again.waitForFinished(240000));
            QCOMPARE(again.exitStatus(), QProcess::NormalExit);
            QCOMPARE(again.exitCode(), 0);
            return;
        }
        end();
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, qEnvironmentVariable("HALFTONE_TEST_ARRANGED"));
        STEP(start());
        QCOMPARE(m_window->devicePixelRatioF(), 2.0);
        m_window->resize(1900, 1000);
        STEP(openModel());
        QVERIFY(!dock(u"channels"_s)->isVisible());
        QVERIFY(std::abs(dock(u"layers"_s)->width() - qEnvironmentVariableIntValue("HALFTONE_TEST_WIDTH")) <= 24);   // the same in people's units
    }

    void everythingIsDrawnSharpAndInsideAtTwiceTheScale()
    {
        if (!scaled())
            QSKIP("looked at in the process that runs at 200 %");
        m_window->resize(1280, 800);
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        m_window->workspaces().reset();
        QTest::qWait(100);
        const QImage picture = m_window->grab().toImage();
        QCOMPARE(picture.size(), m_window->size() * 2);
        keepPicture(m_window.get(), u"twice"_s);
        // Sharp: drawn from single device pixels, not from doubled ones. In a doubled picture every 2 × 2 square is of one colour.
        const auto shareOfDoubled = [&](const QWidget* widget) {
            const QRect area(widget->mapTo(m_window.get(), QPoint(0, 0)) * 2, widget->size() * 2);
            int doubled = 0, edges = 0;
            for (int y = area.top(); y + 1 < area.bottom(); y += 2)
                for (int x = area.left(); x + 3 < area.right(); x += 2) {
                    const QRgb a = picture.pixel(x, y), b = picture.pixel(x + 1, y), c = picture.pixel(x, y + 1), d = picture.pixel(x + 1, y + 1), next = picture.pixel(x + 2, y);
                    const bool one = a == b && a == c && a == d;
                    if (one && a == next)
                        continue;   // plain ground says nothing
                    ++edges;
                    doubled += one ? 1 : 0;
                }
            return edges < 40 ? 0.0 : double(doubled) / edges;
        };
        int looked = 0;
        for (const auto* label : m_window->findChildren<QLabel*>())
            if (label->isVisible() && label->text().size() > 8 && !label->visibleRegion().isEmpty()) {
                QVERIFY2(shareOfDoubled(label) < 0.8, qPrintable(label->text()));
                ++looked;
            }
        for (const auto* view : m_window->findChildren<ViewFrame*>())
            if (view->isVisible() && !view->visibleRegion().isEmpty()) {
                QVERIFY2(shareOfDoubled(view) < 0.9, qPrintable(view->id()));
                ++looked;
            }
        QVERIFY(looked > 10);
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
            QTest::qWait(20);
            for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>())
                if (panel->isVisible() && !panel->visibleRegion().isEmpty())
                    QVERIFY2(m_window->rect().contains(QRect(panel->mapTo(m_window.get(), QPoint(0, 0)), panel->size())), qPrintable(panel->objectName()));
        }
    }
};

QTEST_MAIN(TestScaling)
#include "tst_scaling.moc"
