#include "app/studio/study_dialog.h"
#include "app/studio/study_panel.h"
#include "core/project/study_store.h"
#include "widgets/jobs_view.h"
#include "widgets/kernel_perplexity_view.h"
#include "widgets/kernel_view.h"
#include "widgets/study_model.h"
#include "widgets/study_view.h"
#include "window_fixture.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>

#include <algorithm>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Studies in the real window, on a real tiny model, with mouse and keys.
class TestStudioStudy : public WindowFixture {
    Q_OBJECT

private:
    StudyPanel* panel() { return m_window->findChild<StudyPanel*>(); }
    QTableView* table() { return panel()->table(); }
    StudyDialog* dialog() { return m_window->findChild<StudyDialog*>(); }
    bool settled() { return !m_window->jobs().busy(); }
    bool onScreen(const QWidget* widget) { return widget->isVisible() && !widget->visibleRegion().isEmpty(); }

    /// The dialog, by its key.
    void openDialog()
    {
        STEP(press(Qt::Key_T, Qt::ControlModifier));
        QTRY_VERIFY(dialog() && dialog()->isVisible());
    }

    template <typename Box> Box* box(const char* name)
    {
        Box* found = dialog()->findChild<Box*>(QString::fromLatin1(name));
        if (!found)
            qFatal("no control %s", name);
        return found;
    }

    void smallText()
    {
        box<QLineEdit>("text")->setText(textFile());
        box<QLineEdit>("calibration")->setText(textFile());
        box<QSpinBox>("windows")->setValue(2);
        box<QSpinBox>("length")->setValue(64);
        box<QSpinBox>("samples")->setValue(4);
        box<QSpinBox>("sampleLength")->setValue(64);
    }

    void check(const char* name, bool on)
    {
        auto* found = box<QCheckBox>(name);
        if (found->isChecked() != on)
            QTest::mouseClick(found, Qt::LeftButton, {}, QPoint(8, found->height() / 2));
        QCOMPARE(found->isChecked(), on);
    }

    void runStudy()
    {
        STEP(openDialog());
        smallText();
        for (const auto& [name, on] : {std::pair{"weightBits-2", false}, std::pair{"weightBits-16", true}, std::pair{"scheme-2", true}, std::pair{"activationBits-6", true}})
            STEP(check(name, on));
        QCOMPARE(box<QComboBox>("studyPreset")->currentData().toString(), QString());   // no longer a preset
        QTRY_VERIFY(box<QPushButton>("start")->isEnabled());
        QTest::mouseClick(box<QPushButton>("start"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && panel()->model()->result().done, 120000);
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

    void theDialogCountsBeforeItStarts()
    {
        STEP(openModel());
        STEP(openDialog());
        auto* note = box<QLabel>("note");
        QTRY_VERIFY2(note->text().startsWith(u"6 settings"_s), qPrintable(note->text()));   // "Weights only": 2 methods × 3 widths
        QVERIFY(note->text().contains(u"among them: 3"_s));
        QVERIFY(note->text().contains(u"Memory"_s));
        keepPicture(dialog(), u"study-dialog"_s);
        // Another preset fills the boxes.
        auto* preset = box<QComboBox>("studyPreset");
        preset->setFocus();
        QTest::keyClick(preset, Qt::Key_Down);
        QTRY_VERIFY2(note->text().startsWith(u"6 settings"_s), qPrintable(note->text()));
        keepPicture(dialog(), u"study-dialog-2"_s);
        QVERIFY(box<QCheckBox>("weightBits-16")->isChecked() && !box<QCheckBox>("weightBits-4")->isChecked());
        QVERIFY(box<QCheckBox>("scheme-1")->isChecked() && box<QCheckBox>("scheme-2")->isChecked());
        // Nothing checked, or a faulty α, cannot start.
        STEP(check("weightBits-16", false));
        QTRY_VERIFY(!box<QPushButton>("start")->isEnabled());
        STEP(check("weightBits-16", true));
        box<QLineEdit>("alphas")->setFocus();
        box<QLineEdit>("alphas")->selectAll();
        QTest::keyClicks(box<QLineEdit>("alphas"), u"0.15 1.5"_s);
        QTRY_VERIFY(!box<QPushButton>("start")->isEnabled());
        QVERIFY(note->text().contains(u"0 to 1"_s));
        STEP(press(Qt::Key_Escape));
        QTRY_VERIFY(!dialog());
        QVERIFY(studies(*document().project()).empty());
    }

    void aStudyRunsFillsTheTableAndIsThereAgain()
    {
        STEP(openModel());
        STEP(runStudy());
        QCOMPARE(m_window->workspaces().current(), Workspaces::Compare);
        QTRY_VERIFY(onScreen(table()->viewport()));
        const StudyResult& result = panel()->model()->result();
        // W16: float, CrossQuant at 6 bits; RTN and GPTQ at 4 and 3 bits, float and CrossQuant.
        QCOMPARE(result.members.size(), std::size_t{2 + 2 * 2 * 2});
        for (const StudyMemberResult& member : result.members)
            QCOMPARE(name(member.state), std::string("done"));
        QCOMPARE(table()->model()->rowCount(), 10);
        QCOMPARE(panel()->kernel()->points().size(), std::size_t{5});
        QCOMPARE(document().runs().size(), std::size_t{4});   // the runs are in the project's list
        keepPicture(m_window.get(), u"study-window"_s);
        // What is stored is what is shown, and it comes back with the project.
        const StudyResult stored = loadStudy(*document().project());
        QCOMPARE(stored.members.back().texts.front().perplexity.perplexity, result.members.back().texts.front().perplexity.perplexity);
        const QString path = QString::fromStdString(document().project()->folder().string());
        STEP(trigger(u"close"_s));
        QTRY_VERIFY(!document().isOpen());
        QCOMPARE(table()->model()->rowCount(), 0);
        STEP(openModel(path));
        QTRY_COMPARE(table()->model()->rowCount(), 10);
    }

    void rowsSortAndBecomeTheRecipe()
    {
        STEP(openModel());
        STEP(runStudy());
        // A click on the head sorts by perplexity, and the plot follows.
        QHeaderView* header = table()->horizontalHeader();
        QTRY_VERIFY(onScreen(table()->viewport()));
        QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, QPoint(header->sectionViewportPosition(StudyModel::Perplexity) + 20, header->height() / 2));
        const auto perplexity = [&](int row) { return table()->model()->index(row, StudyModel::Perplexity).data(StudyModel::kSortRole).toDouble(); };
        const bool rising = perplexity(0) <= perplexity(9);
        for (int row = 1; row < 10; ++row)
            QVERIFY(rising ? perplexity(row - 1) <= perplexity(row) : perplexity(row - 1) >= perplexity(row));
        // The row of GPTQ at 3 bits becomes the recipe by a key: one undo step.
        int wanted = -1;
        for (int row = 0; row < 10; ++row)
            if (table()->model()->index(row, StudyModel::Setting).data().toString() == u"GPTQ W3 g32 A16"_s || table()->model()->index(row, StudyModel::Setting).data().toString().startsWith(u"GPTQ W3"_s))
                wanted = row;
        QVERIFY(wanted >= 0);
        QTest::mouseClick(table()->viewport(), Qt::LeftButton, {}, table()->visualRect(table()->model()->index(wanted, StudyModel::Setting)).center());
        QCOMPARE(table()->currentIndex().row(), wanted);
        const Recipe before = document().recipe();
        const int steps = document().undoStack().count();
        QTest::keyClick(table(), Qt::Key_Return);
        QTRY_COMPARE(document().recipe().defaults.bits.value_or(16), 3);
        QCOMPARE(document().recipe().defaults.rounding->method, std::string("gptq"));
        QCOMPARE(document().undoStack().count(), steps + 1);
        QCOMPARE(m_window->workspaces().current(), Workspaces::Tune);
        document().undoStack().undo();
        QVERIFY(document().recipe() == before);
    }

    void limitsAreEditedInPlace()
    {
        STEP(openModel());
        STEP(runStudy());
        auto* first = panel()->findChild<QDoubleSpinBox*>(u"classLimit1"_s);
        auto* second = panel()->findChild<QDoubleSpinBox*>(u"classLimit2"_s);
        QCOMPARE(first->value(), 0.1);
        QCOMPARE(second->value(), 0.5);
        const auto classes = [&] {
            QMap<QString, int> counts;
            for (int row = 0; row < table()->model()->rowCount(); ++row)
                ++counts[table()->model()->index(row, StudyModel::Class).data().toString()];
            return counts;
        };
        first->setFocus();
        first->selectAll();
        QTest::keyClicks(first, u"500"_s);
        QTest::keyClick(first, Qt::Key_Return);
        QCOMPARE(first->value(), 500.0);
        QCOMPARE(second->value(), 500.0);   // gives way
        QCOMPARE(classes().value(u"Class-1"_s), 10);
        second->setFocus();
        second->selectAll();
        QTest::keyClicks(second, u"0"_s);
        QTest::keyClick(second, Qt::Key_Return);
        QCOMPARE(first->value(), 0.0);
        QCOMPARE(classes().value(u"Class-2"_s), 0);
        QVERIFY(classes().value(u"Class-1"_s) >= 1);   // the float model itself
    }

    void aStoppedStudyGoesOnFromThePanel()
    {
        STEP(openModel());
        STEP(openDialog());
        smallText();
        box<QSpinBox>("samples")->setValue(12);
        STEP(check("scheme-1", true));
        STEP(check("activationBits-8", true));
        QTRY_VERIFY(box<QPushButton>("start")->isEnabled());
        QTest::mouseClick(box<QPushButton>("start"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(!panel()->shownStudy().isEmpty(), 60000);   // begun
        QVERIFY(m_window->jobs().busy());
        m_window->jobs().cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(settled(), 20000);
        QTRY_VERIFY(panel()->findChild<QPushButton*>(u"studyResume"_s)->isVisible());
        const StudyResult& stopped = panel()->model()->result();
        QVERIFY(!stopped.done);
        const QString id = panel()->shownStudy();
        QTest::mouseClick(panel()->findChild<QPushButton*>(u"studyResume"_s), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && panel()->model()->result().done, 120000);
        QCOMPARE(panel()->shownStudy(), id);
        QVERIFY(!panel()->findChild<QPushButton*>(u"studyResume"_s)->isVisible());
        QCOMPARE(studies(*document().project()).size(), std::size_t{1});
    }

    void theKernelPanelPlotsPerplexityAgainstKernel()
    {
        STEP(openModel());
        QMenu* menu = m_window->findChild<KernelView*>()->cornerMenu();
        const auto actions = menu->actions();
        QVERIFY(std::any_of(actions.begin(), actions.end(), [](const QAction* action) { return action->objectName() == u"plotKernel"_s; }));
        // A dialog first, on small texts, so that the small study is small here too.
        STEP(openDialog());
        smallText();
        STEP(check("weightBits-2", false));
        QTRY_VERIFY(box<QPushButton>("start")->isEnabled());
        QTest::mouseClick(box<QPushButton>("start"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && panel()->model()->result().done, 120000);
        STEP(trigger(u"plotKernel"_s));
        QTRY_VERIFY_WITH_TIMEOUT(settled() && panel()->model()->result().done && panel()->shownStudy() == u"study-002"_s, 120000);
        QCOMPARE(panel()->kernel()->points().size(), std::size_t{20});
        QVERIFY(onScreen(panel()->kernel()));
        keepPicture(m_window.get(), u"study-kernel"_s);
        // More bits, a smaller kernel: along each line.
        const auto& points = panel()->kernel()->points();
        for (std::size_t i = 1; i < points.size(); ++i)
            if (points[i].series == points[i - 1].series)
                QVERIFY2(points[i].kernel > points[i - 1].kernel, qPrintable(points[i].name));
        // The list holds both; choosing the first shows it.
        auto* choice = panel()->findChild<QComboBox*>(u"studyChoice"_s);
        QCOMPARE(choice->count(), 2);
        choice->setFocus();
        QTest::keyClick(choice, Qt::Key_Down);
        QTRY_COMPARE(panel()->shownStudy(), u"study-001"_s);
    }
};

QTEST_MAIN(TestStudioStudy)
#include "tst_studio_study.moc"
