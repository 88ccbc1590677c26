#include "app/studio/command_palette.h"
#include "tests/app/window_fixture.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/view_frame.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QScrollBar>
#include <QTreeView>

using namespace halftone;
using namespace Qt::StringLiterals;

/// For eyes and hands of every kind: names, keys, focus rings, contrast.
class TestAccessibility : public WindowFixture {
    Q_OBJECT

private:
    /// A part that Qt made itself inside a control.
    static bool isInner(const QWidget* widget)
    {
        if (widget->objectName().startsWith(u"qt_"_s) || qobject_cast<const QScrollBar*>(widget) || qobject_cast<const QHeaderView*>(widget)
            || widget->inherits("QTableCornerButton") || widget->inherits("QComboBoxListView") || widget->inherits("QToolBarExtension") || widget->inherits("QMenuBarExtension")
            || widget->inherits("QLineEditIconButton"))
            return true;
        for (const QWidget* parent = widget->parentWidget(); parent; parent = parent->parentWidget())
            if (qobject_cast<const QAbstractSpinBox*>(parent) || qobject_cast<const QComboBox*>(parent))
                return true;
        return false;
    }

    static bool isControl(const QWidget* widget)
    {
        return !isInner(widget)
            && (widget->focusPolicy() != Qt::NoFocus || qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget)
                || qobject_cast<const QAbstractSpinBox*>(widget) || qobject_cast<const QLineEdit*>(widget) || qobject_cast<const QAbstractItemView*>(widget));
    }

    static QString describe(const QWidget* widget)
    {
        QStringList path;
        for (const QWidget* at = widget; at; at = at->parentWidget())
            path.prepend(at->objectName().isEmpty() ? QString::fromLatin1(at->metaObject()->className()) : at->objectName());
        return path.join(u'/');
    }

    void checkNames(QWidget* top, int atLeast)
    {
        int controls = 0;
        for (QWidget* widget : top->findChildren<QWidget*>()) {
            if (!isControl(widget) || !widget->isVisible())
                continue;
            ++controls;
            const QAccessibleInterface* face = QAccessible::queryAccessibleInterface(widget);
            QVERIFY2((face && !face->text(QAccessible::Name).trimmed().isEmpty()) || !widget->accessibleName().isEmpty(), qPrintable(u"no name: "_s + describe(widget)));
            if (!widget->isEnabled()) {
                QString tip;
                for (const QWidget* at = widget; at && tip.isEmpty(); at = at->parentWidget())
                    tip = at->toolTip();
                QVERIFY2(tip.size() > 10, qPrintable(u"off without a word: "_s + describe(widget)));
            }
        }
        QVERIFY2(controls >= atLeast, qPrintable(QString::number(controls)));
    }

    /// Tab, until the widget of that name has the focus.
    void tabTo(const QString& name)
    {
        QStringList met;
        for (int i = 0; i < 120; ++i) {
            QWidget* active = QApplication::activeModalWidget() ? QApplication::activeModalWidget() : m_window.get();
            if (active->focusWidget() && active->focusWidget()->objectName() == name)
                return;
            if (active->focusWidget())
                met.append(active->focusWidget()->objectName());
            STEP(press(Qt::Key_Tab));
        }
        QVERIFY2(false, qPrintable(name + u" is not on the way of Tab: "_s + met.mid(0, 60).join(u' ')));
    }

    void type(const QString& text)
    {
        QWidget* active = QApplication::activeModalWidget() ? QApplication::activeModalWidget() : m_window.get();
        QVERIFY(active->focusWidget());
        QTest::keyClicks(active->focusWidget(), text);
    }

    void replaceWith(const QString& text)
    {
        STEP(press(Qt::Key_A, Qt::ControlModifier));
        STEP(type(text));
    }

    void command(const QString& words)
    {
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));
        STEP(type(words));
        STEP(press(Qt::Key_Return));
    }

    QDialog* dialog(const QString& name)
    {
        [&] { QTRY_VERIFY2(m_window->findChild<QDialog*>(name) && m_window->findChild<QDialog*>(name)->isVisible(), qPrintable(name)); }();
        return m_window->findChild<QDialog*>(name);
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init()
    {
        qputenv("HALFTONE_SAMPLE", modelFolder().toUtf8());
        begin();
    }
    void cleanup()
    {
        end();
        qunsetenv("HALFTONE_SAMPLE");
    }

    void noControlIsWithoutANameInAnyState()
    {
        STEP(checkNames(m_window.get(), 8));                  // the first page
        STEP(openModel());
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
            QTest::qWait(10);
            STEP(checkNames(m_window.get(), 10));             // nothing measured
        }
        STEP(analyze());
        document().applyPreset(presets().back());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        m_window->messages().showMessage({Message::Kind::Error, u"test"_s, u"Something went wrong."_s, u"Do something else."_s, u"Do"_s, u"details"_s});
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
            QTest::qWait(10);
            STEP(checkNames(m_window.get(), 10));
        }
        for (const auto& [action, name] : {std::pair{u"analyze"_s, u"analyzeDialog"_s}, std::pair{u"quantize"_s, u"quantizeDialog"_s}, std::pair{u"evaluate"_s, u"evaluateDialog"_s}}) {
            STEP(trigger(action));
            QDialog* box = dialog(name);
            QVERIFY(box);
            STEP(checkNames(box, 3));
            box->close();
        }
        STEP(trigger(u"help"_s));
        STEP(checkNames(m_window->findChild<QWidget*>(u"help"_s), 2));
        m_window->findChild<QWidget*>(u"help"_s)->close();
        STEP(trigger(u"commandPalette"_s));
        STEP(checkNames(m_window->findChild<QWidget*>(u"palette"_s), 2));
    }

    void theWholeMainJobGoesWithoutAMouse()
    {
        const QString out = m_folder->filePath(u"export"_s);
        // Open.
        STEP(tabTo(u"welcomeSample"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(document().isOpen());
        QTRY_VERIFY(!m_window->jobs().busy());

        // See.
        STEP(press(Qt::Key_R, Qt::ControlModifier));
        QVERIFY(dialog(u"analyzeDialog"_s));
        STEP(tabTo(u"text"_s));
        STEP(replaceWith(textFile()));
        STEP(tabTo(u"windows"_s));
        STEP(replaceWith(u"2"_s));
        STEP(tabTo(u"length"_s));
        STEP(replaceWith(u"64"_s));
        STEP(tabTo(u"start"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().hasAnalysis(), 60000);

        // Decide: a method for all, other bits for some.
        STEP(command(u"preset gptq"_s));
        QTRY_COMPARE(document().plan("model.layers.2.mlp.up_proj")->rounding.method, std::string("gptq"));
        const int bits = document().plan("model.layers.2.mlp.up_proj")->weights.bits;
        auto* tree = m_window->findChild<LayersView*>()->tree();
        for (int i = 0; i < 12 && !tree->hasFocus(); ++i)
            STEP(press(Qt::Key_F6));
        QVERIFY(tree->hasFocus());
        STEP(press(Qt::Key_Home));
        STEP(press(Qt::Key_Right));   // the first block is open: its first linear
        STEP(press(Qt::Key_8));
        QTRY_COMPARE(document().plan("model.layers.0.self_attn.q_proj")->weights.bits, 8);
        QCOMPARE(document().plan("model.layers.2.mlp.up_proj")->weights.bits, bits);
        STEP(press(Qt::Key_Z, Qt::ControlModifier));
        QTRY_COMPARE(document().plan("model.layers.0.self_attn.q_proj")->weights.bits, bits);

        // Run.
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        QVERIFY(dialog(u"quantizeDialog"_s));
        STEP(tabTo(u"text"_s));
        STEP(replaceWith(textFile()));
        STEP(tabTo(u"samples"_s));
        STEP(replaceWith(u"4"_s));
        STEP(tabTo(u"length"_s));
        STEP(replaceWith(u"64"_s));
        STEP(tabTo(u"start"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);

        // Judge.
        STEP(press(Qt::Key_E, Qt::ControlModifier));
        QVERIFY(dialog(u"evaluateDialog"_s));
        STEP(tabTo(u"text"_s));
        STEP(replaceWith(textFile()));
        STEP(tabTo(u"windows"_s));
        STEP(replaceWith(u"2"_s));
        STEP(tabTo(u"length"_s));
        STEP(replaceWith(u"64"_s));
        STEP(tabTo(u"start"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && !document().evaluations().empty(), 60000);

        // Take home.
        STEP(press(Qt::Key_E, Qt::ControlModifier | Qt::ShiftModifier));
        QVERIFY(dialog(u"exportDialog"_s));
        STEP(tabTo(u"out"_s));
        STEP(replaceWith(out));
        auto* start = m_window->findChild<QDialog*>(u"exportDialog"_s)->findChild<QAbstractButton*>(u"start"_s);
        QTRY_VERIFY(start->isEnabled());
        STEP(tabTo(u"start"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY_WITH_TIMEOUT(m_window->messages().contains(u"exported"_s), 60000);
        QVERIFY(QFileInfo::exists(out + u"/config.json"_s));
        QVERIFY(QFileInfo::exists(out + u"/halftone-certificate.json"_s));
    }

    void theFocusIsSeen_data()
    {
        QTest::addColumn<int>("theme");
        QTest::addRow("dark") << int(Theme::Dark);
        QTest::addRow("light") << int(Theme::Light);
    }
    void theFocusIsSeen()
    {
        QFETCH(int, theme);
        applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), static_cast<Theme>(theme));
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        QTest::qWait(50);
        int looked = 0;
        for (QWidget* widget : m_window->findChildren<QWidget*>()) {
            if (!isControl(widget) || !widget->isVisible() || !widget->isEnabled() || !(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy()
                || widget->visibleRegion().isEmpty() || widget->width() < 8 || qobject_cast<QMenuBar*>(widget))
                continue;
            m_window->activateWindow();
            QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
            QApplication::setCursorFlashTime(0);
            if (m_window->focusWidget())
                m_window->focusWidget()->clearFocus();
            // A frame around it belongs to the picture: some show the focus there.
            QWidget* around = widget->parentWidget();
            const QRect area = widget->geometry().adjusted(-3, -3, 3, 3);
            const QImage without = around->grab(area).toImage();
            widget->setFocus(Qt::TabFocusReason);
            QTRY_VERIFY2(widget->hasFocus(), qPrintable(describe(widget)));
            const QImage with = around->grab(area).toImage();
            QCOMPARE(with.size(), without.size());
            int strong = 0;
            for (int y = 0; y < with.height(); ++y)
                for (int x = 0; x < with.width(); ++x)
                    if (with.pixel(x, y) != without.pixel(x, y) && contrast(with.pixelColor(x, y), without.pixelColor(x, y)) >= 2.9)
                        ++strong;
            QVERIFY2(strong >= 12, qPrintable(u"%1: %2 pixels tell the focus"_s.arg(describe(widget)).arg(strong)));
            ++looked;
        }
        QVERIFY(looked > 15);
    }

    void everyWordIsReadable_data() { theFocusIsSeen_data(); }
    void everyWordIsReadable()
    {
        QFETCH(int, theme);
        applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), static_cast<Theme>(theme));
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        for (const auto kind : {Message::Kind::Error, Message::Kind::Warning, Message::Kind::Notice})
            m_window->messages().showMessage({kind, QString::number(int(kind)), u"Something is worth saying."_s, u"And something is to be done."_s, {}, {}});
        QTRY_VERIFY(!m_window->jobs().busy());
        QTest::qWait(50);
        int looked = 0;
        for (const QWidget* widget : m_window->findChildren<QWidget*>()) {
            const auto* label = qobject_cast<const QLabel*>(widget);
            const auto* button = qobject_cast<const QAbstractButton*>(widget);
            if (!widget->isVisible() || !widget->isEnabled() || widget->visibleRegion().boundingRect() != widget->rect() || isInner(widget))
                continue;   // not in sight as a whole
            if (!(label && !label->text().isEmpty()) && !(button && !button->text().isEmpty()))
                continue;
            // Drawn large, so that strokes have a core that no smoothing thins.
            const QRect area(widget->mapTo(m_window.get(), QPoint(0, 0)), widget->size());
            QImage picture(area.size() * 4, QImage::Format_RGB32);
            picture.setDevicePixelRatio(4);
            m_window->render(&picture, QPoint(), QRegion(area), QWidget::DrawWindowBackground | QWidget::DrawChildren);
            QHash<QRgb, int> shares;
            for (int y = 0; y < picture.height(); y += 2)
                for (int x = 0; x < picture.width(); x += 2)
                    ++shares[picture.pixel(x, y)];
            QRgb ground = 0;
            for (auto it = shares.cbegin(); it != shares.cend(); ++it)
                ground = shares.value(ground) < it.value() ? it.key() : ground;
            double best = 1;
            for (auto it = shares.cbegin(); it != shares.cend(); ++it)
                if (it.value() >= 4)
                    best = std::max(best, contrast(QColor(it.key()), QColor(ground)));
            QVERIFY2(best >= 4.5, qPrintable(u"%1: %2 on %3"_s.arg(describe(widget)).arg(best).arg(QColor(ground).name())));
            ++looked;
        }
        QVERIFY(looked > 30);
    }
};

QTEST_MAIN(TestAccessibility)
#include "tst_accessibility.moc"
