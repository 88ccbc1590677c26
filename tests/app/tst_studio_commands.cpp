#include "app/studio/command_palette.h"
#include "app/studio/fuzzy.h"
#include "app/studio/preset_menu.h"
#include "core/recipe/preset_fit.h"
#include "tests/app/window_fixture.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/layers_view.h"

#include <QContextMenuEvent>
#include <QDockWidget>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QTreeView>
#include <QUndoStack>
#include <QWidgetAction>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Commands by their words: what the palette finds, what Return runs and what it never runs, and presets by kind.
class TestStudioCommands : public WindowFixture {
    Q_OBJECT

private:
    QWidget* palette() { return m_window->findChild<QWidget*>(u"palette"_s); }
    QListView* list() { return palette()->findChild<QListView*>(u"paletteList"_s); }

    void type(const QString& words)
    {
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));
        QVERIFY(palette() && palette()->isVisible());
        auto* line = palette()->findChild<QLineEdit*>(u"paletteLine"_s);
        QTRY_VERIFY(line->hasFocus());
        QTest::keyClicks(line, words);
    }
    void leave()
    {
        STEP(press(Qt::Key_Escape));
        QVERIFY(!palette()->isVisible());
    }
    QStringList found(int most = 100)
    {
        QStringList names;
        for (int row = 0; row < std::min(most, list()->model()->rowCount()); ++row)
            names << list()->model()->index(row, 0).data().toString();
        return names;
    }
    QAction* firstFound() { return qobject_cast<CommandModel*>(list()->model())->action(list()->model()->index(0, 0)); }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void wordsComeBeforeBeginningsAndPiecesBeforeScatteredLetters()
    {
        QCOMPARE(fuzzyMatch(u"run"_s, u"View: Run"_s)->fit, Fit::Word);
        QCOMPARE(fuzzyMatch(u"run"_s, u"View: Runs"_s)->fit, Fit::Beginning);
        QCOMPARE(fuzzyMatch(u"port"_s, u"Export"_s)->fit, Fit::Inside);
        QCOMPARE(fuzzyMatch(u"quantze"_s, u"Quantize"_s)->fit, Fit::Scattered);
        QCOMPARE(fuzzyMatch(u"4bit"_s, u"4-bit weights"_s)->fit, Fit::Word);
        QVERIFY(!fuzzyMatch(u"awq"_s, u"8-bit weights and activations, CrossQuant"_s));
        QVERIFY(!fuzzyMatch(u"resume"_s, u"3-bit weights, FlexRound, minutes"_s));
        QVERIFY(!fuzzyMatch(u"prompt"_s, u"Apply preset: 3-bit weights, OmniQuant's clipping, minutes"_s));
        QVERIFY(!fuzzyMatch(u"cancel"_s, u"Analyze: Analyze with the last settings"_s));
        // In any order; the command's own words count more than the menus it stands in.
        QCOMPARE(fuzzyMatch(u"light theme"_s, u"View: Theme: Light"_s)->fit, Fit::Word);
        QVERIFY(fuzzyMatch(u"export"_s, u"Export: Export"_s)->score > fuzzyMatch(u"export"_s, u"Export: More of it"_s)->score);
    }

    // --- the words that a new user typed ---

    void awqListsItsPresetsFirstAndReturnAppliesOne()
    {
        STEP(openModel());
        STEP(type(u"awq"_s));
        const QStringList names = found();
        QVERIFY2(names.size() >= 2, qPrintable(names.join(u'\n')));
        for (const QString& name : names)
            QVERIFY2(name.contains(u"AWQ"_s), qPrintable(name));
        keepPicture(m_window.get(), u"palette-awq"_s);
        QCOMPARE(firstFound(), action(u"preset-w4a16-awq-g64"_s));
        STEP(press(Qt::Key_Return));
        QTRY_COMPARE(document().plan("model.layers.0.mlp.up_proj")->transform.method, std::string("awq"));
        QCOMPARE(document().undoStack().count(), 1);
    }

    void everyMethodOfAPresetFindsIt()
    {
        STEP(openModel());
        for (const char* word : {"gptq", "smoothquant", "crossquant", "lrq", "flexround", "omniquant", "affinequant", "zeroquant", "lorc", "nearest"}) {
            STEP(type(QString::fromLatin1(word)));
            QVERIFY2(list()->model()->rowCount() > 0, word);
            QVERIFY2(found(1).front().contains(QString::fromLatin1(word), Qt::CaseInsensitive), qPrintable(found(1).front()));
            STEP(leave());
        }
    }

    void aWordThatFitsNothingWellChangesNothing_data()
    {
        QTest::addColumn<QString>("word");
        for (const char* word : {"resume", "prompt", "cancel", "budget", "sensitivity", "gguf", "report", "export", "a", "4", "preset", "edit", "apply", "minutes", "3-bit", "wq", "qnt", "bit", "ctivat", "clar rcpe",
                                 "xyzzy", "delete", "undo everything", "minutes learned", ""})
            QTest::addRow("%s", word) << QString::fromLatin1(word);
    }
    void aWordThatFitsNothingWellChangesNothing()
    {
        QFETCH(QString, word);
        STEP(openModel());
        const std::string before = document().recipe().toJson();
        STEP(type(word));
        for (int row = 0; row < list()->model()->rowCount() && !word.isEmpty(); ++row) {
            const QAction* one = qobject_cast<CommandModel*>(list()->model())->action(list()->model()->index(row, 0));
            if (!isConsequential(*one))
                continue;
            const auto match = fuzzyMatch(word, list()->model()->index(row, 0).data().toString());
            QVERIFY2(match && match->fit >= Fit::Beginning && match->own, qPrintable(one->objectName()));
        }
        STEP(press(Qt::Key_Return));
        QTest::qWait(30);
        QVERIFY(document().isOpen());
        if (word != u"minutes learned"_s)
            QCOMPARE(document().recipe().toJson(), before);
        for (QWidget* dialog : QApplication::topLevelWidgets())
            if (dialog->isVisible() && dialog != m_window.get())
                dialog->close();
        if (palette()->isVisible())
            STEP(leave());
    }

    void theWordsOfTheFirstHourFindWhatTheyMean()
    {
        STEP(openModel());
        const QList<std::pair<QString, QString>> wanted{{u"gguf"_s, u"open"_s}, {u"export"_s, u"export"_s}, {u"quantize"_s, u"quantize"_s}, {u"largest outlier"_s, u"largestOutlier"_s},
                                                        {u"history"_s, u"show-history"_s}, {u"analyze"_s, u"analyze"_s}, {u"checkpoint"_s, u"export"_s}};
        for (const auto& [word, name] : wanted) {
            STEP(type(word));
            QVERIFY2(list()->model()->rowCount() > 0, qPrintable(word));
            QVERIFY2(firstFound() == action(name), qPrintable(word + u": "_s + found(4).join(u" | "_s)));
            STEP(leave());
        }
    }

    void whatIsNotThereIsSaid()
    {
        STEP(openModel());
        STEP(type(u"xyzzy"_s));
        auto* nothing = palette()->findChild<QLabel*>(u"paletteNothing"_s);
        QVERIFY(nothing && nothing->isVisible());
        QVERIFY2(nothing->text().contains(u"xyzzy"_s) && nothing->text().contains(u"Nothing found"_s), qPrintable(nothing->text()));
        QVERIFY(!list()->isVisible());
        keepPicture(m_window.get(), u"palette-nothing"_s);
        STEP(press(Qt::Key_Return));
        QVERIFY(palette()->isVisible());
        for (int i = 0; i < 5; ++i)
            STEP(press(Qt::Key_Backspace));
        QTRY_VERIFY(list()->isVisible() && list()->model()->rowCount() > 40);
        QVERIFY(!list()->currentIndex().isValid());   // of all commands, Return runs none
        STEP(press(Qt::Key_Down));
        QCOMPARE(list()->currentIndex().row(), 0);
        STEP(leave());
    }

    void everyCommandThatChangesTheRecipeSaysSo()
    {
        STEP(openModel());
        for (QAction* one : m_window->findChildren<QAction*>()) {
            const QString name = one->objectName();
            const bool plan = name.startsWith(u"preset-"_s) || name.startsWith(u"contract-"_s) || name.startsWith(u"kvCache"_s) || name == u"clearRecipe"_s || name == u"layersReset"_s
                || name == u"layersPastePlan"_s || name == u"layersLikeAbove"_s || name == u"layersMakeRule"_s;
            if (plan && !one->menu())
                QVERIFY2(isConsequential(*one), qPrintable(name));
        }
    }

    void aPanelAskedForByNameComesToTheFront()
    {
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Inspect);
        auto* history = m_window->findChild<QDockWidget*>(u"historyDock"_s);
        for (int again = 0; again < 2; ++again) {
            STEP(type(u"history"_s));
            STEP(press(Qt::Key_Return));
            QTRY_VERIFY(history->isVisible() && !history->visibleRegion().isEmpty());
            m_window->findChild<QDockWidget*>(u"inspectorDock"_s)->raise();
            QTRY_VERIFY(history->visibleRegion().isEmpty());
        }
    }

    void nothingThatNeedsAModelIsOnWithoutOne()
    {
        for (const QString& name : {u"layersLikeAbove"_s, u"layersCopyPlan"_s, u"layersPastePlan"_s, u"layersReset"_s, u"layersMakeRule"_s, u"largestOutlier"_s, u"clearRecipe"_s, u"preset-w4a16-gptq-g64"_s,
                                    u"preset-w8a16-rtn"_s, u"evaluate"_s, u"study"_s, u"export"_s, u"evaluationFloat"_s, u"evaluationRemove"_s, u"evaluationCopy"_s, u"studyUseRecipe"_s}) {
            QVERIFY2(action(name), qPrintable(name));
            QVERIFY2(!action(name)->isEnabled() && actionReason(*action(name)).contains(u"model"_s, Qt::CaseInsensitive), qPrintable(name + u": "_s + actionReason(*action(name))));
        }
        STEP(openModel());
        QVERIFY(action(u"layersLikeAbove"_s)->isEnabled());
        QVERIFY(action(u"preset-w8a16-rtn"_s)->isEnabled());
    }

    // --- presets ---

    void presetsStandByKindWithTheirSizesAndOneToBeginWith()
    {
        STEP(openModel());
        auto* menu = m_window->findChild<PresetMenu*>();
        Q_EMIT menu->aboutToShow();
        QVERIFY(menu->actions().size() >= 4 && menu->actions().size() <= 6);
        int recommended = 0, sizes = 0;
        for (const QAction* kind : menu->actions()) {
            QVERIFY2(kind->menu() && kind->menu()->actions().size() >= 2, qPrintable(kind->text()));
            for (const QAction* one : kind->menu()->actions()) {
                recommended += one->text().contains(u"recommended"_s) ? 1 : 0;
                sizes += one->text().contains(u"B"_s) && one->text().section(u'\t', 1).contains(QRegularExpression(u"\\d"_s)) ? 1 : 0;
            }
        }
        QCOMPARE(sizes, static_cast<int>(presets().size()));
        QVERIFY(recommended >= 1 && recommended <= 3);
        QCOMPARE(presetKind(presets().front()), PresetKind::Weights);
        // The size that is promised is the one that comes.
        QAction* four = action(u"preset-w4a16-gptq-g64"_s);
        const QString promised = four->text();
        four->trigger();
        QTRY_VERIFY(document().size().bitsPerWeight < 16);
        QVERIFY2(promised.contains(formatBytes(document().size().bytes)), qPrintable(promised));
    }

    void whatTheContractCannotTakeIsOffWithTheReason()
    {
        STEP(openModel());
        QVERIFY(document().setContract(u"vllm"_s));
        auto* menu = m_window->findChild<PresetMenu*>();
        Q_EMIT menu->aboutToShow();
        QAction* three = action(u"preset-w3a16-lrq"_s);
        QVERIFY(!three->isEnabled());
        QVERIFY2(actionReason(*three).contains(u"3"_s) && actionReason(*three).size() > 20, qPrintable(actionReason(*three)));
        QVERIFY2(three->toolTip().contains(actionReason(*three)), qPrintable(three->toolTip()));
        int on = 0;
        for (const Preset& preset : presets())
            on += action(u"preset-"_s + QString::fromStdString(preset.id))->isEnabled() ? 1 : 0;
        QVERIFY(on >= 2 && on < static_cast<int>(presets().size()));
        // Each that is on stands once it is applied.
        for (const Preset& preset : presets()) {
            QAction* one = action(u"preset-"_s + QString::fromStdString(preset.id));
            if (!one->isEnabled())
                continue;
            one->trigger();
            for (const ContractIssue& issue : document().contractIssues())
                QVERIFY2(!issue.fatal || issue.linear.empty(), qPrintable(u"%1: %2"_s.arg(one->text(), QString::fromStdString(issue.reason))));
        }
        QVERIFY(document().setContract({}));
        Q_EMIT menu->aboutToShow();
        QVERIFY(three->isEnabled());
    }

    void theTablesOwnMenuGroupsThemToo()
    {
        STEP(openModel());
        auto* layers = m_window->findChild<LayersView*>();
        layers->setSelection({0, SiteKind::MlpInput, "model.layers.0.mlp.up_proj", -1, -1});
        QVERIFY(document().setContract(u"vllm"_s));
        QContextMenuEvent event(QContextMenuEvent::Keyboard, QPoint(4, 4), layers->tree()->mapToGlobal(QPoint(4, 4)));
        QCoreApplication::sendEvent(layers->tree(), &event);
        auto* menu = layers->findChild<QMenu*>(u"layersMenu"_s);
        QVERIFY(menu);
        int off = 0, on = 0, headings = 0;
        for (const QWidgetAction* heading : menu->findChildren<QWidgetAction*>())
            headings += heading->defaultWidget() && heading->defaultWidget()->objectName() == u"menuHeading"_s ? 1 : 0;
        for (QMenu* sub : menu->findChildren<QMenu*>())
            for (const QAction* one : sub->actions())
                if (one->text().startsWith(u"3-bit"_s) || one->text().startsWith(u"4-bit weights, GPTQ"_s))
                    (one->isEnabled() ? on : off) += 1;
        QVERIFY2(off >= 4 && on == 1, qPrintable(u"%1 off, %2 on"_s.arg(off).arg(on)));
        QCOMPARE(headings, 1);
        menu->close();
    }

    void eightBitsGoWhereTheOutliersWereMeasured()
    {
        STEP(openModel());
        QAction* mixed = action(u"preset-w4-down8-gptq-g64"_s);
        mixed->trigger();   // nothing is measured: the usual place
        for (const ResolvedPlan& plan : document().plans())
            QCOMPARE(plan.plan.weights.bits, QString::fromStdString(plan.linear).endsWith(u"down_proj"_s) ? 8 : 4);
        STEP(analyze());
        action(u"preset-w4-down8-gptq-g64"_s)->trigger();
        std::vector<const SiteStatistics*> sites;
        for (const SiteStatistics& site : document().analysis().sites)
            sites.push_back(&site);
        std::stable_sort(sites.begin(), sites.end(), [](const SiteStatistics* a, const SiteStatistics* b) { return a->outlierRatio() > b->outlierRatio(); });
        sites.resize(sites.size() / 4);
        QSet<QString> eight;
        for (const SiteStatistics* site : sites)
            for (const std::string& linear : site->site.linears)
                eight.insert(QString::fromStdString(linear));
        for (const ResolvedPlan& plan : document().plans())
            QVERIFY2(plan.plan.weights.bits == (eight.contains(QString::fromStdString(plan.linear)) ? 8 : 4), plan.linear.c_str());
    }
};

QTEST_MAIN(TestStudioCommands)
#include "tst_studio_commands.moc"
