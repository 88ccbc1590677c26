#include "tests/app/window_fixture.h"

#include <QDialog>
#include <QLayout>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The way of the keyboard's focus: the same in both directions, and seen wherever it stands.
class TestStudioFocus : public WindowFixture {
    Q_OBJECT

private:
    struct Way {
        QList<QPointer<QWidget>> stops;
        QStringList unseen;
    };

    static QString describe(const QWidget* widget)
    {
        QStringList path;
        for (const QWidget* at = widget; at; at = at->parentWidget())
            path.prepend(at->objectName().isEmpty() ? QString::fromLatin1(at->metaObject()->className()) : at->objectName());
        return path.mid(std::max<qsizetype>(0, path.size() - 4)).join(u'/');
    }
    static QStringList named(const QList<QPointer<QWidget>>& stops)
    {
        QStringList names;
        for (const QPointer<QWidget>& stop : stops)
            names << describe(stop);
        return names;
    }
    static QImage around(QWidget* widget)
    {
        const QRect area = widget->isWindow() ? widget->rect() : widget->geometry().adjusted(-3, -3, 3, 3);
        return (widget->isWindow() ? widget : widget->parentWidget())->grab(area).toImage();
    }
    static bool differsClearly(const QImage& with, const QImage& without)
    {
        if (with.size() != without.size())
            return true;   // laid out anew
        int strong = 0;
        for (int y = 0; y < with.height(); ++y)
            for (int x = 0; x < with.width(); ++x)
                strong += with.pixel(x, y) != without.pixel(x, y) && contrast(with.pixelColor(x, y), without.pixelColor(x, y)) >= 2.9;
        return strong >= 12;
    }

    /// From where the focus is, once around.
    Way walk(QWidget* top, Qt::Key key)
    {
        Way way;
        QWidget* const first = top->focusWidget();
        QWidget* at = first;
        while (at && way.stops.size() < 150) {
            way.stops.append(at);
            const QImage with = around(at);
            QTest::keyClick(at, key, key == Qt::Key_Backtab ? Qt::ShiftModifier : Qt::NoModifier);
            QCoreApplication::processEvents();
            if (top->focusWidget() == at) {
                way.unseen << u"keeps the key: "_s + describe(at);
                break;
            }
            if (!differsClearly(with, around(at)))
                way.unseen << describe(at);
            at = top->focusWidget();
            if (at == first)
                return way;
        }
        way.unseen << u"not a round"_s;
        return way;
    }

    void checkWay(QWidget* top, int atLeast, const QString& where)
    {
        QApplication::setCursorFlashTime(0);
        top->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(top));
        QCoreApplication::processEvents();
        QVERIFY2(top->focusWidget(), qPrintable(where));
        const Way forth = walk(top, Qt::Key_Tab);
        QVERIFY2(forth.unseen.isEmpty(), qPrintable(where + u": not seen: "_s + forth.unseen.join(u"\n  "_s)));
        const Way back = walk(top, Qt::Key_Backtab);
        QVERIFY2(back.unseen.isEmpty(), qPrintable(where + u": not seen going back: "_s + back.unseen.join(u"\n  "_s)));
        QStringList reversed = named(back.stops).mid(1);
        std::reverse(reversed.begin(), reversed.end());
        reversed.prepend(describe(back.stops.front()));
        QVERIFY2(named(forth.stops) == reversed, qPrintable(u"%1\nforth:\n  %2\nback:\n  %3"_s.arg(where, named(forth.stops).join(u"\n  "_s), reversed.join(u"\n  "_s))));
        QVERIFY2(forth.stops.size() >= atLeast, qPrintable(u"%1: %2"_s.arg(where).arg(forth.stops.size())));
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void tabGoesRoundTheWindowBothWays_data()
    {
        QTest::addColumn<int>("kind");
        for (int kind = 0; kind < Workspaces::kCount; ++kind)
            QTest::addRow("%s", qPrintable(Workspaces::label(static_cast<Workspaces::Kind>(kind)))) << kind;
    }
    void tabGoesRoundTheWindowBothWays()
    {
        QFETCH(int, kind);
        STEP(openModel());
        m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
        QTest::qWait(50);
        STEP(checkWay(m_window.get(), 8, u"as opened"_s));
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        QTest::qWait(50);
        STEP(checkWay(m_window.get(), 8, u"analyzed"_s));
    }

    void tabGoesRoundEachDialogBothWays()
    {
        STEP(checkWay(m_window.get(), 2, u"the first page"_s));
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-rtn-g64"_s));
        document().setCalibration({4, 64, 0});
        m_window->tasks().quantize({textFile()});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);
        for (const auto& [command, name] : {std::pair{u"analyze"_s, u"analyzeDialog"_s}, std::pair{u"quantize"_s, u"quantizeDialog"_s}, std::pair{u"evaluate"_s, u"evaluateDialog"_s},
                                            std::pair{u"export"_s, u"exportDialog"_s}, std::pair{u"study"_s, u"studyDialog"_s}}) {
            STEP(trigger(command));
            QTRY_VERIFY(m_window->findChild<QDialog*>(name) && m_window->findChild<QDialog*>(name)->isVisible());
            auto* box = m_window->findChild<QDialog*>(name);
            QTRY_VERIFY(!m_window->jobs().busy());
            QTest::qWait(50);
            QVERIFY2(box->focusWidget() && !box->focusWidget()->inherits("QPushButton"), qPrintable(name + u" begins at "_s + describe(box->focusWidget())));   // Enter does not press what has the ring
            STEP(checkWay(box, 5, name));
            box->close();
        }
    }
};

QTEST_MAIN(TestStudioFocus)
#include "tst_studio_focus.moc"
