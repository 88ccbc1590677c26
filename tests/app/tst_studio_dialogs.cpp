#include "tests/app/window_fixture.h"

#include "app/studio/text.h"
#include "core/model/describe.h"
#include "core/pipeline/memory_plan.h"

#include <QAbstractButton>
#include <QAbstractSpinBox>
#include <QDialog>
#include <QHash>
#include <QKeySequence>
#include <QLabel>
#include <QLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSpinBox>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The dialogs that begin a job: what a hand reaches in them, and how quickly.
class TestStudioDialogs : public WindowFixture {
    Q_OBJECT

private:
    QDialog* dialog(const QString& command, const QString& name)
    {
        trigger(command);
        [&] { QTRY_VERIFY2(m_window->findChild<QDialog*>(name) && m_window->findChild<QDialog*>(name)->isVisible(), qPrintable(name)); }();
        auto* box = m_window->findChild<QDialog*>(name);
        if (box && !QTest::qWaitForWindowActive(box))
            return nullptr;
        return box;
    }

    QDialog* quantizeDialog()
    {
        if (document().plans().front().plan.weights.bits == 16)
            trigger(u"preset-w4a16-rtn-g64"_s);
        return dialog(u"quantize"_s, u"quantizeDialog"_s);
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void aFewKeysReachTheNumbersThatPeopleTake()
    {
        STEP(openModel());
        QDialog* box = quantizeDialog();
        QVERIFY(box);
        auto* samples = box->findChild<QSpinBox*>(u"samples"_s);
        auto* length = box->findChild<QSpinBox*>(u"length"_s);
        samples->setValue(128);
        samples->setFocus();
        STEP(press(Qt::Key_Up));
        QCOMPARE(samples->value(), 144);
        STEP(press(Qt::Key_PageUp));
        QCOMPARE(samples->value(), 304);
        STEP(press(Qt::Key_A, Qt::ControlModifier));
        QTest::keyClicks(samples, u"100"_s);
        STEP(press(Qt::Key_Down));
        QCOMPARE(samples->value(), 96);   // on a multiple of 16 again
        samples->setValue(16);
        STEP(press(Qt::Key_Down));
        QCOMPARE(samples->value(), 15);   // small counts one by one
        STEP(press(Qt::Key_PageDown));
        STEP(press(Qt::Key_PageDown));
        QCOMPARE(samples->value(), samples->minimum());
        length->setFocus();
        length->setValue(64);
        STEP(press(Qt::Key_Up));
        QCOMPARE(length->value(), 128);
        STEP(press(Qt::Key_Up));
        STEP(press(Qt::Key_Up));
        STEP(press(Qt::Key_Up));
        QCOMPARE(length->value(), length->maximum());   // of this model
        length->setValue(100);
        STEP(press(Qt::Key_Down));
        QCOMPARE(length->value(), 64);
        STEP(press(Qt::Key_PageDown));
        QCOMPARE(length->value(), 8);
        // With the mouse: the arrow in the box.
        QTest::mouseClick(length, Qt::LeftButton, {}, QPoint(length->width() - 8, 6));
        QCOMPARE(length->value(), 16);
    }

    /// What has the ring is a field, what Return does is Export, and nothing below the words is empty.
    void theExportDialogIsAsHighAsItsWords()
    {
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-rtn-g64"_s));
        document().setCalibration({4, 64, 0});
        m_window->tasks().quantize({textFile()});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);
        QDialog* box = dialog(u"export"_s, u"exportDialog"_s);
        QVERIFY(box);
        auto* start = box->findChild<QPushButton*>(u"start"_s);
        QTRY_VERIFY(start->isEnabled());
        QTest::qWait(50);
        keepPicture(box, u"export-dialog"_s);
        QCOMPARE(box->focusWidget()->objectName(), u"runs"_s);
        QVERIFY(start->isDefault());
        const int wanted = box->layout()->hasHeightForWidth() ? box->layout()->totalHeightForWidth(box->width()) : box->sizeHint().height();
        QVERIFY2(box->height() <= wanted + 4, qPrintable(u"%1 of %2"_s.arg(box->height()).arg(wanted)));
        auto* summary = box->findChild<QLabel*>(u"formatSummary"_s);
        QVERIFY2(summary->text().contains(u"This format loads in"_s) && summary->toolTip().contains(u"header"_s), qPrintable(summary->text()));
        const QWidget* contract = m_window->findChild<QWidget*>(u"summaryContract"_s);
        QVERIFY2(contract->toolTip().contains(u"Export dialog"_s), qPrintable(contract->toolTip()));
    }

    /// A file of 4 bits grows when it is exported; the size says why, where it stands.
    void theSizeSaysAgainstWhatItIsMeasured()
    {
        STEP(openModel());
        const QWidget* size = m_window->findChild<QWidget*>(u"summarySize"_s);
        QVERIFY2(size->toolTip().contains(u"against the model"_s) && !size->toolTip().contains(u"small already"_s), qPrintable(size->toolTip()));
        ModelDescription model = document().model();
        model.bytes = static_cast<std::uint64_t>(model.parameters) * 5 / 8;
        QVERIFY2(storedSmallText(model).contains(u"about 5 bits"_s), qPrintable(storedSmallText(model)));
    }

    void aRecipeOfRoundingSaysThatItNeedsNoText()
    {
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-rtn-g64"_s));
        QDialog* box = quantizeDialog();
        QVERIFY(box);
        auto* note = box->findChild<QLabel*>(u"note"_s);
        QTRY_VERIFY2(note->text().contains(u"needs no text"_s), qPrintable(note->text()));
        box->findChild<QLineEdit*>(u"text"_s)->clear();
        QVERIFY(box->findChild<QPushButton*>(u"start"_s)->isEnabled());
        box->close();
        STEP(trigger(u"preset-w4a16-gptq-g64"_s));
        box = quantizeDialog();
        QVERIFY(box);
        QTRY_VERIFY(!box->findChild<QLabel*>(u"note"_s)->text().contains(u"needs no text"_s));
    }

    /// Held, an arrow goes faster and faster, or doubles anyway.
    void noNumberTakesMinutesToReach()
    {
        STEP(openModel());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", -1, -1});
        QVERIFY(quantizeDialog());
        for (const auto& [command, name] : {std::pair{u"analyze"_s, u"analyzeDialog"_s}, std::pair{u"evaluate"_s, u"evaluateDialog"_s}, std::pair{u"study"_s, u"studyDialog"_s}}) {
            m_window->findChild<QDialog*>()->close();
            QVERIFY(dialog(command, name));
            int looked = 0;
            for (const auto* box : m_window->findChildren<QAbstractSpinBox*>()) {
                if (box->inherits("QDateTimeEdit"))
                    continue;
                ++looked;
                QVERIFY2(box->isAccelerated() || box->objectName().contains(u"ength"_s), qPrintable(box->objectName()));
            }
            QVERIFY2(looked > 3, qPrintable(name));
        }
    }

    void noTwoThingsOfADialogShareAKey_data()
    {
        QTest::addColumn<QString>("command");
        for (const char* command : {"analyze", "evaluate", "quantize", "study"})
            QTest::addRow("%s", command) << QString::fromLatin1(command);
    }
    void noTwoThingsOfADialogShareAKey()
    {
        QFETCH(QString, command);
        STEP(openModel());
        const QDialog* box = command == u"quantize"_s ? quantizeDialog() : dialog(command, command + u"Dialog"_s);
        QVERIFY(box);
        QHash<QString, QString> keys;
        const auto take = [&](const QString& text) {
            const QString key = QKeySequence::mnemonic(text).toString();
            if (key.isEmpty())
                return;
            QVERIFY2(!keys.contains(key), qPrintable(u"%1: \"%2\" and \"%3\""_s.arg(key, keys[key], text)));
            keys.insert(key, text);
        };
        for (const auto* label : box->findChildren<QLabel*>())
            if (label->buddy() && label->isVisible())
                STEP(take(label->text()));
        for (const auto* button : box->findChildren<QAbstractButton*>())
            if (button->isVisible())
                STEP(take(button->text()));
        QVERIFY(keys.size() > 3);
        m_window->findChild<QDialog*>(box->objectName())->reject();
    }

    /// The line for the field of JSON rows comes and goes with what is typed: nothing is squeezed for it, nor after it.
    void everyLineKeepsItsHeightWhateverIsTyped_data()
    {
        QTest::addColumn<QString>("command");
        for (const char* command : {"analyze", "evaluate", "quantize"})
            QTest::addRow("%s", command) << QString::fromLatin1(command);
    }
    void everyLineKeepsItsHeightWhateverIsTyped()
    {
        QFETCH(QString, command);
        STEP(openModel());
        QDialog* box = command == u"quantize"_s ? quantizeDialog() : dialog(command, command + u"Dialog"_s);
        QVERIFY(box);
        auto* text = box->findChild<QLineEdit*>(u"text"_s);
        const auto squeezed = [&]() -> QString {
            for (const auto* one : box->findChildren<QWidget*>())
                if (one->isVisible() && (qobject_cast<const QLineEdit*>(one) || qobject_cast<const QPushButton*>(one)) && one->height() < one->minimumSizeHint().height())
                    return u"%1 has %2 of %3 pixels"_s.arg(one->objectName()).arg(one->height()).arg(one->minimumSizeHint().height());
            return {};
        };
        for (const QString& typed : {QFileInfo(textFile()).path(), textFile()}) {
            text->selectAll();
            QTest::keyClicks(text, typed);
            QCOMPARE(box->findChild<QLineEdit*>(u"textKey"_s)->isVisible(), QFileInfo(typed).isDir());
            QTest::qWait(200);
            STEP(keepPicture(box, command + (QFileInfo(typed).isDir() ? u"-folder"_s : u"-file"_s)));
            QTRY_VERIFY2(squeezed().isEmpty(), qPrintable(squeezed()));
        }
        box->reject();
    }

    /// What the dialogs promise is of the windows that the text holds, of a whole text as well. (Quantize: tst_studio_jobs.)
    void whatIsPlannedReachesAsFarAsTheText_data()
    {
        QTest::addColumn<QString>("command");
        QTest::addColumn<int>("windows");
        for (const char* command : {"analyze", "evaluate", "study"}) {
            QTest::addRow("%s, more than there is", command) << QString::fromLatin1(command) << 100'000;
            QTest::addRow("%s, all", command) << QString::fromLatin1(command) << 0;
        }
    }
    void whatIsPlannedReachesAsFarAsTheText()
    {
        QFETCH(QString, command);
        QFETCH(int, windows);
        constexpr int kLength = 64;
        STEP(openModel());
        const ModelConfig& config = document().model().config;
        const double asked = double(command == u"analyze"_s ? analyzeMemory(config, 100'000, kLength, 0) : evaluateMemory(config, std::int64_t{100'000} * kLength, kLength, {1, 1, 1}));
        QDialog* box = dialog(command, command + u"Dialog"_s);
        QVERIFY(box);
        auto* text = box->findChild<QLineEdit*>(u"text"_s);
        text->selectAll();
        QTest::keyClicks(text, textFile());
        box->findChild<QSpinBox*>(u"windows"_s)->setValue(windows);
        box->findChild<QSpinBox*>(u"length"_s)->setValue(kLength);
        const auto* note = box->findChild<QLabel*>(u"note"_s);
        const auto said = [&] {
            const QRegularExpressionMatch match = QRegularExpression(u"Memory: about ([\\d.]+) (kB|MB|GB|TB)"_s).match(note->text());
            const QString unit = match.captured(2);
            return match.hasMatch() ? match.captured(1).toDouble() * (unit == u"TB"_s ? 1e12 : unit == u"GB"_s ? 1e9 : unit == u"MB"_s ? 1e6 : 1e3) : 1e18;
        };
        QTRY_VERIFY2_WITH_TIMEOUT(said() < 0.6 * asked, qPrintable(u"%1\n(as asked: %2)"_s.arg(note->text()).arg(asked)), 60000);
        if (command != u"study"_s)
            QVERIFY2(note->text().contains(windows == 0 ? u"The whole text: "_s : u"the text is short"_s), qPrintable(note->text()));
        box->reject();
    }
};

QTEST_MAIN(TestStudioDialogs)
#include "tst_studio_dialogs.moc"
