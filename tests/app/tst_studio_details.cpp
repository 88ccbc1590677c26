#include "tests/app/window_fixture.h"
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
