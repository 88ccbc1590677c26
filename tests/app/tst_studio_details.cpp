#include "tests/app/window_fixture.h"

#include "app/studio/evaluation_table.h"
#include "app/studio/text.h"
#include "widgets/colour_map.h"
#include "widgets/differences_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/kernel_strips.h"
#include "widgets/layer_texts.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"

#include <QComboBox>
#include <QDockWidget>
#include <QFileDialog>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPushButton>
#include <QTreeView>

using namespace halftone;
using namespace Qt::StringLiterals;

/// What the window says where something is missing, and figures that mean what they stand beside.
class TestStudioDetails : public WindowFixture {
    Q_OBJECT

private:
    QString copied(const QString& name, const QStringList& without = {})
    {
        const QString folder = m_folder->filePath(name);
        QDir().mkpath(folder);
        for (const QString& file : QDir(modelFolder()).entryList(QDir::Files))
            if (!without.contains(file))
                QFile::copy(QDir(modelFolder()).filePath(file), folder + u'/' + file);
        return folder;
    }
    QString said()
    {
        QString words;
        for (const QLabel* label : m_window->messages().findChildren<QLabel*>())
            words += label->text() + u' ';
        return words;
    }
    QString figure(const QString& name)
    {
        const auto* label = m_window->findChild<QLabel*>(u"whatIf-"_s + name);
        return label && label->isVisible() ? label->text() : QString();
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void aModelWithoutATokenizerSaysSoAsItOpens()
    {
        STEP(openModel(copied(u"mute"_s, {u"tokenizer.json"_s, u"tokenizer_config.json"_s})));
        QTRY_COMPARE(m_window->messages().count(), 1);   // once
        QVERIFY2(said().contains(u"no tokenizer"_s) && said().contains(u"tokenizer.json"_s), qPrintable(said()));
        keepPicture(m_window.get(), u"no-tokenizer"_s);
        // And so does what fails for want of it.
        m_window->tasks().analyze({textFile(), 2, 64, {}});
        QTRY_VERIFY(!m_window->jobs().busy());
        QVERIFY2(!said().contains(u"Choose another text"_s), qPrintable(said()));
        QVERIFY2(said().contains(u"into its folder"_s), qPrintable(said()));
    }

    void aTokenizerThatCannotBeReadIsSaidAsTheModelOpens()
    {
        const QString folder = copied(u"garbled"_s, {u"tokenizer.json"_s});
        write(folder + u"/tokenizer.json"_s, "{\"model\": 3}");
        STEP(openModel(folder));
        QTRY_VERIFY(m_window->messages().contains(u"tokenizer"_s));
        QVERIFY2(said().contains(u"tokenizer.json"_s) && said().contains(u"into its folder"_s), qPrintable(said()));
    }

    void anUnknownArchitectureIsAClosedDoorThatSaysWhatIsBehindIt()
    {
        const QString folder = copied(u"strange"_s, {u"config.json"_s});
        QFile in(modelFolder() + u"/config.json"_s);
        QVERIFY(in.open(QIODevice::ReadOnly));
        QJsonObject config = QJsonDocument::fromJson(in.readAll()).object();
        config.insert(u"model_type"_s, u"gemma9_text"_s);
        config.insert(u"architectures"_s, QJsonArray{u"Gemma9ForCausalLM"_s});
        write(folder + u"/config.json"_s, QJsonDocument(config).toJson());
        m_window->openPath(folder);
        QTRY_COMPARE(m_window->messages().count(), 1);
        QVERIFY(!document().isOpen());
        QVERIFY2(said().contains(u"emma9"_s) && said().contains(u"llama"_s) && said().contains(u"opt"_s), qPrintable(said()));   // what it is, and what is known
        QVERIFY2(said().contains(u"no view of the weights alone"_s), qPrintable(said()));
    }

    void severalLinearsAreWeighedTogether()
    {
        STEP(openModel());
        STEP(analyze());
        auto* tree = m_window->findChild<LayersView*>()->tree();
        document().select({0, SiteKind::MlpInput, "model.layers.0.mlp.up_proj", -1, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        const LinearInfo* one = document().linear("model.layers.0.mlp.up_proj");
        QTRY_COMPARE(figure(u"size-now"_s), formatBytes(layer_texts::storedBytes(*one, *document().plan(one->name))));
        tree->setFocus();
        STEP(press(Qt::Key_A, Qt::ControlModifier));
        const QStringList all = m_window->findChild<LayersView*>()->selectedLinears();
        QVERIFY(all.size() > 12);
        std::uint64_t now = 0, then = 0;
        for (const QString& name : all) {
            const LinearInfo* linear = document().linear(name.toStdString());
            Plan plan = *document().plan(linear->name);
            now += layer_texts::storedBytes(*linear, plan);
            plan.weights.bits = 4;
            then += layer_texts::storedBytes(*linear, plan);
        }
        QTRY_COMPARE(figure(u"size-now"_s), formatBytes(now));
        auto* note = m_window->findChild<QLabel*>(u"whatIfNote"_s);
        QTRY_VERIFY2(note->text().contains(u"12 of the %1"_s.arg(all.size())), qPrintable(note->text()));
        auto* bits = m_window->findChild<QComboBox*>(u"planBits"_s);
        bits->setFocus();
        while (bits->currentData().toInt() != 4)
            STEP(press(Qt::Key_Up));
        QTRY_COMPARE(figure(u"size-then"_s), formatBytes(then));
        QTRY_VERIFY(figure(u"sqnr-then"_s).contains(u"dB"_s));
        keepPicture(m_window.get(), u"what-if-many"_s);
        // One again.
        tree->setFocus();
        STEP(press(Qt::Key_Home));
        STEP(press(Qt::Key_Down));
        QTRY_COMPARE(m_window->findChild<LayersView*>()->selectedLinears().size(), 1);
        const LinearInfo* other = document().linear(m_window->findChild<LayersView*>()->selectedLinears().front().toStdString());
        QTRY_COMPARE(figure(u"size-now"_s), formatBytes(layer_texts::storedBytes(*other, *document().plan(other->name))));
        QTRY_VERIFY(!note->text().contains(u"edian"_s));
    }

    /// The header and the what-if count alike: where no packed format holds the recipe, a linear is as large as it was.
    void theWhatIfCountsAsTheHeaderDoes()
    {
        STEP(openModel());
        const std::string name = "model.layers.0.mlp.up_proj";
        const LinearInfo& linear = *document().linear(name);
        STEP(trigger(u"preset-w4a16-rtn-g64"_s));
        QCOMPARE(document().packing().packing, Packing::Packed);
        document().select({0, SiteKind::MlpInput, name, -1, -1});
        Plan plan = *document().plan(name);
        QTRY_COMPARE(figure(u"size-now"_s), formatBytes(layer_texts::storedBytes(linear, plan)));
        auto* bits = m_window->findChild<QComboBox*>(u"planBits"_s);
        const std::uint64_t before = document().exportBytes();
        bits->setFocus();
        while (bits->currentData().toInt() != 3)   // which no packed format holds
            STEP(press(Qt::Key_Up));
        plan.weights.bits = 3;
        const QString dense = formatBytes(layer_texts::storedBytes(linear, plan, true));
        QTRY_COMPARE(figure(u"size-then"_s), dense);
        QVERIFY(m_window->findChild<QLabel*>(u"whatIf-size-then"_s)->toolTip().contains(u"no packed format"_s));
        QTest::mouseClick(m_window->findChild<QPushButton*>(u"whatIfApply"_s), Qt::LeftButton);
        QTRY_COMPARE(document().packing().packing, Packing::DenseOnly);
        QVERIFY(document().exportBytes() > before);
        QTRY_COMPARE(figure(u"size-now"_s), dense);
    }

    void theLastRunsErrorSaysThatItIsOfAnotherPlan()
    {
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-rtn-g64"_s));
        QVERIFY(document().setCalibration({4, 64, 0}));
        m_window->tasks().quantize({textFile(), false, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        document().select({0, SiteKind::MlpInput, "model.layers.0.mlp.up_proj", -1, -1});
        const auto title = [this] {
            const auto* box = m_window->findChild<QWidget*>(u"resultSection"_s);
            return box->isVisible() ? box->findChild<QLabel*>()->text() : QString();
        };
        QTRY_COMPARE(title(), u"Last run"_s);
        PlanPatch eight;
        eight.bits = 8;
        QVERIFY(document().editPlans({u"model.layers.0.mlp.up_proj"_s}, eight));
        QTRY_COMPARE(title(), u"Last run, of another plan"_s);
        document().select({0, SiteKind::MlpMiddle, "model.layers.0.mlp.down_proj", -1, -1});
        QTRY_COMPARE(title(), u"Last run"_s);
        document().undoStack().undo();
        document().select({0, SiteKind::MlpInput, "model.layers.0.mlp.up_proj", -1, -1});
        QTRY_COMPARE(title(), u"Last run"_s);
    }

    /// Two runtimes round activations by two formulas, and one recipe has two perplexities: whose they were stands beside the figure.
    void whoseGridRoundsTheActivationsIsSaid()
    {
        STEP(openModel());
        const auto contract = [this] { return m_window->findChild<QWidget*>(u"summaryContract"_s)->accessibleName(); };
        QVERIFY2(!contract().contains(u"grid"_s), qPrintable(contract()));
        STEP(trigger(u"preset-w8a8-token"_s));
        QTRY_VERIFY2(contract().contains(u"transformers' grid"_s), qPrintable(contract()));
        QVERIFY(document().setCalibration({4, 64, 0}));
        m_window->tasks().quantize({textFile(), false, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        EvaluateRequest request;
        request.text = textFile();
        request.windows = 1;
        request.length = 32;
        m_window->tasks().evaluate(request);   // the float model, which rounds none
        request.target = EvaluationRecord::Target::Run;
        request.run = toQString(document().latestRun()->id);
        m_window->tasks().evaluate(request);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().evaluations().size() == 2, 60000);
        const auto grids = [this] {
            QStringList list;
            const auto* model = m_window->findChild<EvaluationModel*>();
            for (int row = 0; row < model->rowCount(); ++row)
                list << model->index(row, EvaluationModel::Grid).data().toString();
            return list;
        };
        QCOMPARE(grids(), (QStringList{u"–"_s, u"transformers'"_s}));
        QVERIFY(m_window->findChild<QWidget*>(u"summaryFigure"_s)->toolTip().contains(u"transformers"_s));
        m_window->setWorkspace(Workspaces::Compare);
        QTest::qWait(300);
        STEP(keepPicture(m_window.get(), u"activation-grid"_s));
        end();
        start();
        STEP(openModel());
        QTRY_COMPARE(grids(), (QStringList{u"–"_s, u"transformers'"_s}));   // the project keeps it
        QVERIFY(document().setContract(u"vllm"_s));
        QTRY_VERIFY(m_window->findChild<QWidget*>(u"summaryContract"_s)->toolTip().contains(u"vLLM's formulas"_s));
    }

    void kernelCellsStayCellsInALargeWindow()
    {
        STEP(openModel());
        STEP(analyze());
        m_window->resize(2560, 1440);
        for (const auto workspace : {Workspaces::Tune, Workspaces::Inspect}) {
            m_window->setWorkspace(workspace);
            m_window->workspaces().reset();
            QTest::qWait(60);
            const auto* strips = m_window->findChild<KernelStrips*>();
            QVERIFY(strips && strips->isVisible());
            const QRectF cell = strips->cellRect(0, SiteKind::MlpMiddle);
            QVERIFY2(cell.height() <= 48, qPrintable(QString::number(cell.height())));
            QVERIFY(cell.height() >= 12);
        }
        keepPicture(m_window.get(), u"large"_s);
    }

    void threeMapsOfOneScaleHaveOneBar()
    {
        DifferencesView view;
        view.resize(1000, 400);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        const auto maps = view.findChildren<HeatmapView*>();
        QCOMPARE(maps.size(), 3);
        for (HeatmapView* map : maps)
            map->setData(HeatmapData(8, 16, std::vector<float>(128, 0.5F)));
        view.setLinear(u"model.layers.0.mlp.up_proj"_s);
        view.resize(1001, 400);
        QTest::qWait(20);
        const auto room = [](const HeatmapView* map) { return map->width() - map->mapRect().right(); };
        QVERIFY(room(maps[2]) >= room(maps[0]) + 60);   // only the last has it
        QVERIFY(room(maps[0]) == room(maps[1]) && room(maps[0]) < 20);
    }
};

QTEST_MAIN(TestStudioDetails)
#include "tst_studio_details.moc"
