#include "app/studio/document.h"

#include "app/studio/dropped.h"
#include "app/studio/evaluation_table.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"

#include <QAbstractItemModelTester>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include <sys/stat.h>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");

QStringList names(const Document& document)
{
    QStringList list;
    for (const LinearInfo& linear : document.model().linears)
        list.append(toQString(linear.name));
    return list;
}

} // namespace

class TestDocument : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_root;
    std::unique_ptr<JobRunner> m_jobs;
    std::unique_ptr<Document> m_document;

    void openModel(const QString& path = kModel)
    {
        m_document.reset();
        m_jobs = std::make_unique<JobRunner>();
        m_document = std::make_unique<Document>(*m_jobs, toPath(m_root->path()));
        QSignalSpy opened(m_document.get(), &Document::opened);
        m_document->open(path);
        QTRY_COMPARE(opened.count(), 1);
        QTRY_VERIFY(!m_jobs->busy());
    }

private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(u".*"_s));
        m_root = std::make_unique<QTemporaryDir>();
        QVERIFY(m_root->isValid());
        openModel();
    }
    void cleanup()
    {
        if (m_document)
            m_document->close();
        m_jobs.reset();
        m_document.reset();
    }

    void anEditIsOneStepAndUndoBringsBackTheRecipe()
    {
        const Recipe before = m_document->recipe();
        PlanPatch patch;
        patch.bits = 4;
        patch.group = 32;
        QVERIFY(m_document->editPlans(names(*m_document).mid(0, 7), patch));
        QCOMPARE(m_document->undoStack().count(), 1);
        QVERIFY(m_document->undoStack().undoText().contains(u"4 bits"_s));
        const Plan* plan = m_document->plan(names(*m_document).front().toStdString());
        QVERIFY(plan);
        QCOMPARE(plan->weights.bits, 4);
        QCOMPARE(plan->weights.group, 32);
        QVERIFY(m_document->size().bitsPerWeight < 16);
        m_document->undoStack().undo();
        QVERIFY(m_document->recipe() == before);
        QCOMPARE(m_document->size().bitsPerWeight, 16.0);
    }

    void stepsOfOneKindOnOneLinearMergeAndVanishWhenTheyEndWhereTheyBegan()
    {
        const QStringList one = names(*m_document).mid(0, 1);
        for (const int bits : {4, 3, 8}) {
            PlanPatch patch;
            patch.bits = bits;
            QVERIFY(m_document->editPlans(one, patch));
        }
        QCOMPARE(m_document->undoStack().count(), 1);
        PlanPatch back;
        back.bits = 16;
        QVERIFY(m_document->editPlans(one, back));
        QCOMPARE(m_document->undoStack().count(), 0);
        QVERIFY(m_document->recipe() == Recipe{});
    }

    void undoIsTheIdentityOverRandomEdits()
    {
        QRandomGenerator random(20260101);
        std::vector<Recipe> history{m_document->recipe()};
        const QStringList all = names(*m_document);
        for (int step = 0; step < 60; ++step) {
            QStringList some;
            for (int i = 0; i < 1 + random.bounded(5); ++i)
                some.append(all[random.bounded(all.size())]);
            some.removeDuplicates();
            PlanPatch patch;
            switch (random.bounded(4)) {
            case 0: patch.bits = 2 + random.bounded(7); break;
            case 1: patch.group = random.bounded(2) ? 32 : 0; break;
            case 2: patch.rounding = MethodChoice{random.bounded(2) ? "gptq" : "rtn", {}}; break;
            default: patch.scheme = random.bounded(2) ? ActivationScheme::PerToken : ActivationScheme::None; break;
            }
            const int count = m_document->undoStack().count();
            QVERIFY(m_document->editPlans(some, patch));
            if (m_document->undoStack().count() > count)
                history.push_back(m_document->recipe());
            else
                history.back() = m_document->recipe();
            while (static_cast<int>(history.size()) > m_document->undoStack().count() + 1)
                history.pop_back();   // a merged step that ended where it began is gone
        }
        const Recipe last = m_document->recipe();
        for (int at = static_cast<int>(history.size()) - 1; at > 0; --at) {
            QVERIFY(m_document->recipe() == history[static_cast<std::size_t>(at)]);
            m_document->undoStack().undo();
        }
        QVERIFY(m_document->recipe() == Recipe{});
        while (m_document->undoStack().canRedo())
            m_document->undoStack().redo();
        QVERIFY(m_document->recipe() == last);
    }

    void editingEveryLinearOfALargeModelDoesNotBlock()
    {
        // 126 blocks, as Llama 3.1 405B has: what one undo step over all of them costs on the GUI thread.
        ModelDescription model;
        model.config = m_document->model().config;
        model.config.blocks = 126;
        for (int block = 0; block < 126; ++block) {
            for (LinearInfo linear : m_document->model().linears) {
                if (linear.block != 0)
                    continue;
                linear.block = block;
                linear.name.replace(linear.name.find(".0."), 3, "." + std::to_string(block) + ".");
                model.linears.push_back(linear);
            }
        }
        PlanPatch patch;
        patch.bits = 4;
        patch.group = 32;
        Recipe recipe;
        QElapsedTimer clock;
        clock.start();
        for (std::size_t i = 0; i < model.linears.size(); i += 2)   // every other one: the worst for rules
            setPlan(recipe, model, model.linears[i].name, patch);
        const qint64 edited = clock.restart();
        const auto plans = resolve(recipe, model);
        const SizeEstimate size = estimateSize(plans, model);
        const qint64 resolved = clock.elapsed();
        QVERIFY(size.bitsPerWeight < 16);
        qInfo("%zu linears: %lld ms to edit half of them, %lld ms to resolve", model.linears.size(), static_cast<long long>(edited), static_cast<long long>(resolved));
        QVERIFY(edited + resolved < 4000);
    }

    void anImpossiblePlanIsRefusedWithASentenceAndChangesNothing()
    {
        QSignalSpy rejected(m_document.get(), &Document::recipeRejected);
        PlanPatch patch;
        patch.bits = 4;
        patch.group = 48;   // does not divide 64
        QVERIFY(!m_document->editPlans(names(*m_document).mid(0, 1), patch));
        QCOMPARE(rejected.count(), 1);
        QVERIFY2(rejected.front().front().toString().contains(u"48"_s), qPrintable(rejected.front().front().toString()));
        QVERIFY(m_document->recipe() == Recipe{});
        QCOMPARE(m_document->undoStack().count(), 0);
    }

    void presetsFitEveryModelAndAreOneStep()
    {
        for (const Preset& preset : presets()) {
            QVERIFY2(m_document->applyPreset(preset), preset.id.c_str());
            QVERIFY2(m_document->size().bitsPerWeight <= 16, preset.id.c_str());
            m_document->undoStack().undo();
            QVERIFY(m_document->recipe() == Recipe{});
        }
    }

    void theRecipeIsOnDiskWithinASecond()
    {
        PlanPatch patch;
        patch.bits = 5;
        QVERIFY(m_document->editPlans(names(*m_document).mid(3, 1), patch));
        const Recipe edited = m_document->recipe();
        QTRY_VERIFY_WITH_TIMEOUT(m_document->project()->recipe() == edited, 1000);
        const QString folder = pathText(m_document->project()->folder());
        m_document->close();
        openModel(folder);
        QVERIFY(m_document->recipe() == edited);
        QCOMPARE(m_document->undoStack().count(), 0);
    }

    void closingSavesAtOnce()
    {
        PlanPatch patch;
        patch.bits = 3;
        QVERIFY(m_document->editPlans(names(*m_document).mid(0, 2), patch));
        const Recipe edited = m_document->recipe();
        m_document->close();
        QVERIFY(!m_document->isOpen());
        openModel();
        QVERIFY(m_document->recipe() == edited);
    }

    void aProjectThatIsOpenElsewhereOpensReadOnly()
    {
        JobRunner jobs;
        Document second(jobs, toPath(m_root->path()));
        QSignalSpy notice(&second, &Document::notice);
        QSignalSpy opened(&second, &Document::opened);
        second.open(kModel);
        QTRY_COMPARE(opened.count(), 1);
        QVERIFY(second.readOnly());
        QCOMPARE(notice.count(), 1);
        QVERIFY(notice.front()[1].toString().contains(u"read-only"_s));
        second.close();
        jobs.waitForFinished();
    }

    void aSiteStandsForALinearItFeeds()
    {
        QSignalSpy changed(m_document.get(), &Document::selectionChanged);
        m_document->select({1, SiteKind::MlpMiddle, {}, 5, -1});
        QCOMPARE(changed.count(), 1);
        QCOMPARE(m_document->selection().linear, std::string("model.layers.1.mlp.down_proj"));
        QCOMPARE(m_document->selection().channel, 5);
        m_document->select({-1, std::nullopt, "model.layers.2.self_attn.k_proj", -1, -1});
        QCOMPARE(m_document->selection().block, 2);
        QVERIFY(m_document->selection().site == SiteKind::AttentionInput);
        m_document->select({2, SiteKind::AttentionInput, {}, 3, -1});
        QCOMPARE(m_document->selection().linear, std::string("model.layers.2.self_attn.k_proj"));
        m_document->select(m_document->selection());
        QCOMPARE(changed.count(), 3);
    }

    void evaluationsAreKeptWithTheProject()
    {
        EvaluationRecord record;
        record.target = EvaluationRecord::Target::Run;
        record.run = record.label = u"run-001"_s;
        record.textPath = u"/somewhere/text.txt"_s;
        record.textName = u"text.txt"_s;
        record.windows = 4;
        record.length = 128;
        record.bitsPerWeight = 4.25;
        record.when = QDateTime::fromString(u"2026-01-02T03:04:05"_s, Qt::ISODate);
        record.result.perplexity = {21.5, 0.4, 3.07, 508, 4, 128};
        record.result.hasDivergence = true;
        record.result.divergence = {0.08, 0.003, 0.6, 2.5, 0.86, 20.25};
        m_document->addEvaluation(record);
        m_document->addEvaluation(record);   // the same subject again replaces
        QCOMPARE(m_document->evaluations().size(), std::size_t(1));
        QTRY_VERIFY(!m_jobs->busy());
        const auto read = readRecords(m_document->project()->folder());
        QCOMPARE(read.size(), std::size_t(1));
        QCOMPARE(read.front().label, record.label);
        QVERIFY(read.front().target == record.target);
        QCOMPARE(read.front().result.perplexity.perplexity, 21.5);
        QCOMPARE(read.front().result.divergence.klP99, 0.6);
        QCOMPARE(read.front().when, record.when);
        m_document->removeEvaluation(record);
        QVERIFY(m_document->evaluations().empty());
    }

    void anotherProgramsEvaluationsAreKeptAndShown()
    {
        const auto evaluated = [](const QString& run) {
            EvaluationRecord record;
            record.target = EvaluationRecord::Target::Run;
            record.run = record.label = run;
            record.textPath = u"/somewhere/text.txt"_s;
            record.windows = 4;
            record.length = 128;
            record.result.perplexity = {21.5, 0.4, 3.07, 508, 4, 128};
            return record;
        };
        const std::filesystem::path folder = m_document->project()->folder();
        m_document->addEvaluation(evaluated(u"run-001"_s));
        QTRY_VERIFY(!m_jobs->busy());
        storeRecord(folder, evaluated(u"run-002"_s));   // the command line, while the window has the project open
        m_document->addEvaluation(evaluated(u"run-003"_s));
        QTRY_COMPARE(m_document->evaluations().size(), std::size_t(3));
        QCOMPARE(readRecords(folder).size(), std::size_t(3));
        // Several changes at once: none is dropped for a newer one.
        for (const QString& run : {u"run-004"_s, u"run-005"_s, u"run-006"_s})
            m_document->addEvaluation(evaluated(run));
        m_document->removeEvaluation(evaluated(u"run-001"_s));
        QTRY_VERIFY(!m_jobs->busy());
        QCOMPARE(readRecords(folder).size(), std::size_t(5));
        QTRY_COMPARE(m_document->evaluations().size(), std::size_t(5));
        for (const EvaluationRecord& record : std::vector<EvaluationRecord>(m_document->evaluations()))
            m_document->removeEvaluation(record);
        QTRY_VERIFY(!m_jobs->busy());
        QVERIFY(readRecords(folder).empty());
    }

    void differencesAreOnlyShownOnTheSameWindows()
    {
        EvaluationRecord base;
        base.label = u"float model"_s;
        base.textPath = base.textName = u"a.txt"_s;
        base.windows = 2;
        base.length = 64;
        base.result.perplexity = {20, 0.2, 3, 126, 2, 64};
        EvaluationRecord run = base;
        run.target = EvaluationRecord::Target::Run;
        run.label = u"run-001"_s;
        run.result.perplexity.perplexity = 21;
        EvaluationRecord elsewhere = run;
        elsewhere.textPath = elsewhere.textName = u"b.txt"_s;
        EvaluationModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.setRecords({elsewhere, run, base});
        QCOMPARE(model.rowCount(), 3);
        QCOMPARE(model.index(0, EvaluationModel::Target).data().toString(), u"float model"_s);
        QVERIFY2(model.index(1, EvaluationModel::Change).data().toString().contains(u"+5"_s), qPrintable(model.index(1, EvaluationModel::Change).data().toString()));
        QCOMPARE(model.index(2, EvaluationModel::Change).data().toString(), u"–"_s);
    }

    void theRunsTableShowsNewestFirst()
    {
        RunsModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        RunInfo first, second;
        first.id = "run-001";
        first.state = "done";
        second.id = "run-002";
        second.state = "running";
        second.blocksDone = 3;
        second.blocks = 30;
        model.setRuns({first, second});
        QCOMPARE(model.index(0, RunsModel::Id).data().toString(), u"run-002"_s);
        QCOMPARE(model.index(0, RunsModel::Blocks).data().toString(), u"3 / 30"_s);
        QCOMPARE(model.index(1, RunsModel::State).data().toString(), u"done"_s);
    }

    void aFifoThatIsDroppedDoesNotHoldTheWindow()
    {
        const QString path = m_root->filePath(u"pipe.gguf"_s);
        QCOMPARE(::mkfifo(path.toLocal8Bit().constData(), 0600), 0);
        const Dropped dropped = lookAt({path});   // opening it would wait for a writer
        QCOMPARE(dropped.kind, Dropped::Kind::Nothing);
        QCOMPARE(dropped.sentence, u"pipe.gguf is no regular file."_s);
    }
};

QTEST_MAIN(TestDocument)
#include "tst_document.moc"
