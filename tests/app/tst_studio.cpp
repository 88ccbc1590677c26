#include "tests/app/desk.h"
#include "app/studio/evaluation_table.h"
#include "app/studio/inspector.h"
#include "app/studio/main_window.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "widgets/heatmap_view.h"
#include "widgets/jobs_view.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"

#include <QAbstractItemView>
#include <QAbstractProxyModel>
#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QDirIterator>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTextBrowser>
#include <QToolButton>
#include <QTreeView>
#include <QtTest>

using namespace halftone;
using namespace Qt::StringLiterals;

/// A step that is itself a list of checks: the test ends where one fails.
#define STEP(call)                      \
    do {                                \
        call;                           \
        if (QTest::currentTestFailed()) \
            return;                     \
    } while (false)

namespace {

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");
const QString kText = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt");

/// Every file of an export with its bytes; the certificate is left out, since it names places.
QMap<QString, QByteArray> filesOf(const QString& folder)
{
    QMap<QString, QByteArray> files;
    QDirIterator entries(folder, QDir::Files, QDirIterator::Subdirectories);
    while (entries.hasNext()) {
        QFile file(entries.next());
        if (!file.open(QIODevice::ReadOnly))
            return {};
        const QString name = QDir(folder).relativeFilePath(file.fileName());
        if (name != u"halftone-certificate.json"_s)
            files.insert(name, file.readAll());
    }
    return files;
}

int commandLine(const QStringList& arguments)
{
    QProcess process;
    process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    return process.waitForFinished(300000) && process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
}

void write(const QString& path, const QByteArray& bytes)
{
    QDir().mkpath(QFileInfo(path).path());
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size())
        qFatal("the test's file cannot be written");
}

QByteArray read(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

/// The window driven offscreen, as a person does it, on a real tiny model.
class TestStudio : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<MainWindow> m_window;

    Document& document() { return m_window->document(); }
    QTreeView* tree() { return m_window->findChild<LayersView*>()->tree(); }

    void start()
    {
        m_window = std::make_unique<MainWindow>(m_folder->filePath(u"projects"_s), m_folder->filePath(u"logs"_s));
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
    }

    void openModel(const QString& path = kModel)
    {
        m_window->openPath(path);
        QTRY_VERIFY(document().isOpen());
        QTRY_VERIFY(!m_window->jobs().busy());
    }

    void trigger(const QString& action)
    {
        auto* found = m_window->findChild<QAction*>(action);
        QVERIFY2(found, qPrintable(action));
        QVERIFY2(found->isEnabled(), qPrintable(action));
        found->trigger();
    }

    /// The dialog that an action opens, with its text set by keys.
    QDialog* dialog(const QString& action, const QString& name)
    {
        trigger(action);
        auto* box = m_window->findChild<QDialog*>(name);
        if (box && box->findChild<QLineEdit*>(u"text"_s)) {
            auto* line = box->findChild<QLineEdit*>(u"text"_s);
            line->selectAll();
            QTest::keyClicks(line, kText);
        }
        return box;
    }

    void setNumber(QDialog* box, const QString& name, int value)
    {
        auto* spin = box->findChild<QSpinBox*>(name);
        QVERIFY2(spin, qPrintable(name));
        spin->selectAll();
        QTest::keyClicks(spin, QString::number(value));
        QCOMPARE(spin->value(), value);
    }

    /// Kept to be looked at, where HALFTONE_PICTURES names a folder.
    void keepPicture(QWidget* widget, const QString& name)
    {
        if (const QString folder = qEnvironmentVariable("HALFTONE_PICTURES"); !folder.isEmpty())
            QVERIFY(widget->grab().save(u"%1/%2.png"_s.arg(folder, name)));
    }

    void pressStart(QDialog* box)
    {
        auto* button = box->findChild<QPushButton*>(u"start"_s);
        QTRY_VERIFY2(button->isEnabled(), qPrintable(box->findChild<QLabel*>(u"note"_s)->text()));
        keepPicture(box, box->objectName());
        QTest::mouseClick(button, Qt::LeftButton);
    }

    QModelIndex row(const QString& linear, int column = 0)
    {
        const auto* model = m_window->findChild<LayersModel*>();
        const auto* proxy = qobject_cast<const QAbstractProxyModel*>(tree()->model());
        const QModelIndex source = model->indexOf(linear.toStdString());
        return proxy->mapFromSource(source.siblingAtColumn(column));
    }

    void clickRow(const QModelIndex& index, Qt::KeyboardModifiers modifiers = {})
    {
        QVERIFY(index.isValid());
        if (index.parent().isValid())
            tree()->expand(index.parent());
        tree()->scrollTo(index);
        QTest::mouseClick(tree()->viewport(), Qt::LeftButton, modifiers, tree()->visualRect(index).center());
    }

    /// After a popup the offscreen platform leaves no window active, and shortcuts want one.
    void keys(const QKeySequence& sequence)
    {
        m_window->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
        QTest::keySequence(m_window.get(), sequence);
    }

    int bits(const QString& linear) { return document().plan(linear.toStdString())->weights.bits; }

    void analyze(int windows = 2, int length = 64)
    {
        QDialog* box = dialog(u"analyze"_s, u"analyzeDialog"_s);
        QVERIFY(box);
        STEP(setNumber(box, u"windows"_s, windows));
        STEP(setNumber(box, u"length"_s, length));
        STEP(pressStart(box));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().hasAnalysis(), 60000);
    }

    void startQuantizing(int samples, int length)
    {
        QDialog* box = dialog(u"quantize"_s, u"quantizeDialog"_s);
        QVERIFY(box);
        STEP(setNumber(box, u"samples"_s, samples));
        STEP(setNumber(box, u"length"_s, length));
        STEP(pressStart(box));
    }

    void waitForRun()
    {
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);
    }

    QString exportTo(const QString& name, const QString& format)
    {
        const QString out = m_folder->filePath(name);
        QDialog* box = dialog(u"export"_s, u"exportDialog"_s);
        if (!box)
            return {};
        auto* formats = box->findChild<QComboBox*>(u"format"_s);
        formats->setCurrentIndex(formats->findData(format));
        auto* line = box->findChild<QLineEdit*>(u"out"_s);
        line->selectAll();
        QTest::keyClicks(line, out);
        pressStart(box);
        [this] { QTRY_VERIFY_WITH_TIMEOUT(m_window->messages().contains(u"exported"_s), 60000); }();
        m_window->messages().dismiss(u"exported"_s);
        return out;
    }

    /// What the command line makes of the recipe that the window holds.
    QString commandLineExport(const QString& name, const QString& format)
    {
        const QString recipe = m_folder->filePath(name + u".json"_s), project = m_folder->filePath(name + u".halftone"_s), out = m_folder->filePath(name);
        document().recipe().save(toPath(recipe));
        if (commandLine({u"quantize"_s, kModel, u"--recipe"_s, recipe, u"--text"_s, kText, u"--project"_s, project, u"--json"_s}) != 0
            || commandLine({u"export"_s, project, u"--format"_s, format, u"--out"_s, out, u"--json"_s}) != 0)
            return {};
        return out;
    }

    void compareFolders(const QString& window, const QString& command)
    {
        const auto ours = filesOf(window), theirs = filesOf(command);
        QVERIFY(ours.size() >= 3);
        QCOMPARE(ours.keys(), theirs.keys());
        for (auto file = ours.cbegin(); file != ours.cend(); ++file)
            QVERIFY2(file.value() == theirs.value(file.key()), qPrintable(file.key()));
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }

    void init()
    {
        QTest::failOnWarning(QRegularExpression(u"^(?!This plugin does not support)"_s));   // the offscreen platform
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_folder->filePath(u"settings"_s));
        STEP(start());
    }

    void cleanup()
    {
        if (m_window)
            m_window->quitNow();
        m_window.reset();
    }

    void theMainJobByMouseAndKeysGivesTheCommandLinesBytes()
    {
        STEP(openModel());
        QCOMPARE(document().model().linears.size(), std::size_t(28));

        // See: the views fill block by block.
        QSignalSpy blocks(&document(), &Document::analysisBlockAdded);
        STEP(analyze());
        QCOMPARE(blocks.count(), 4);
        QCOMPARE(document().analysis().sites.size(), std::size_t(16));
        const auto* map = m_window->findChild<HeatmapView*>(u"outliersMap"_s);
        for (int block = 0; block < 4; ++block)
            QVERIFY(map->data().measured(block));
        const auto* layers = m_window->findChild<LayersModel*>();
        QVERIFY(layers->kernelShareOf("model.layers.0.mlp.down_proj"));

        // Decide, by keys: block 0 and 1 to 4 bits, one linear to 8, another left float.
        const auto* proxy = qobject_cast<const QAbstractProxyModel*>(tree()->model());
        STEP(clickRow(proxy->mapFromSource(layers->indexOfBlock(0))));
        STEP(clickRow(proxy->mapFromSource(layers->indexOfBlock(1)), Qt::ControlModifier));
        QTest::keyClick(tree(), Qt::Key_4);
        QTRY_COMPARE(bits(u"model.layers.1.mlp.up_proj"_s), 4);
        QCOMPARE(bits(u"model.layers.0.self_attn.q_proj"_s), 4);
        QCOMPARE(bits(u"model.layers.2.mlp.up_proj"_s), 16);
        STEP(clickRow(row(u"model.layers.1.mlp.down_proj"_s)));
        QTest::keyClick(tree(), Qt::Key_8);
        QTRY_COMPARE(bits(u"model.layers.1.mlp.down_proj"_s), 8);

        // The method, chosen in the table's cell; then undo and redo by keys.
        STEP(clickRow(proxy->mapFromSource(layers->indexOfBlock(0))));
        const QModelIndex method = proxy->mapFromSource(layers->indexOfBlock(0)).siblingAtColumn(LayersModel::Method);
        const QPoint cell = tree()->visualRect(method).center();
        QTest::mouseClick(tree()->viewport(), Qt::LeftButton, {}, cell);
        QTest::mouseDClick(tree()->viewport(), Qt::LeftButton, {}, cell);
        QTRY_VERIFY(m_window->findChild<QComboBox*>(u"layersEditor"_s));
        auto* editor = m_window->findChild<QComboBox*>(u"layersEditor"_s);
        QTRY_VERIFY(editor->view()->isVisible());
        const int gptq = editor->findData(u"gptq"_s);
        QVERIFY(gptq >= 0);
        editor->view()->setCurrentIndex(editor->model()->index(gptq, 0));
        QTest::keyClick(editor->view(), Qt::Key_Return);
        const auto methodOf = [this](const char* linear) { return document().plan(linear)->rounding.method; };
        QTRY_COMPARE(methodOf("model.layers.0.mlp.gate_proj"), std::string("gptq"));
        QTRY_VERIFY(!m_window->findChild<QComboBox*>(u"layersEditor"_s));
        STEP(keys(QKeySequence::Undo));
        QTRY_COMPARE(methodOf("model.layers.0.mlp.gate_proj"), std::string("rtn"));
        STEP(keys(Qt::CTRL | Qt::SHIFT | Qt::Key_Z));
        QTRY_COMPARE(methodOf("model.layers.0.mlp.gate_proj"), std::string("gptq"));
        QVERIFY(document().size().bitsPerWeight < 12);

        // Groups of 32 for all of block 0, by the Inspector.
        auto* group = m_window->findChild<QComboBox*>(u"planGroup"_s);
        QVERIFY(group->isVisible());
        group->setFocus();
        group->setCurrentIndex(group->findData(32));
        Q_EMIT group->activated(group->currentIndex());
        QTest::mouseClick(m_window->findChild<QPushButton*>(u"whatIfApply"_s), Qt::LeftButton);
        QTRY_COMPARE(document().plan("model.layers.0.mlp.gate_proj")->weights.group, 32);

        // Quantize in the background.
        QSignalSpy runBlocks(&document(), &Document::runBlockAdded);
        STEP(startQuantizing(4, 64));
        STEP(waitForRun());
        QCOMPARE(runBlocks.count(), 4);
        QCOMPARE(document().recipe().calibration.samples, 4);
        QVERIFY(layers->sqnrOf("model.layers.0.mlp.gate_proj"));
        QVERIFY(!layers->changedSinceRun("model.layers.0.mlp.gate_proj"));

        // What it cost.
        QDialog* box = dialog(u"evaluate"_s, u"evaluateDialog"_s);
        QVERIFY(box);
        STEP(setNumber(box, u"windows"_s, 2));
        STEP(setNumber(box, u"length"_s, 64));
        for (const QString& name : {u"float"_s, u"run"_s})
            if (auto* check = box->findChild<QCheckBox*>(name); !check->isChecked())
                QTest::mouseClick(check, Qt::LeftButton, {}, QPoint(8, check->height() / 2));
        STEP(pressStart(box));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().evaluations().size() == 2, 60000);
        const auto& records = m_window->findChild<EvaluationModel*>()->records();
        QVERIFY(records[0].target == EvaluationRecord::Target::Float);
        QVERIFY(records[0].result.perplexity.perplexity > 1);
        QVERIFY(records[1].result.hasDivergence);
        QVERIFY(records[1].result.divergence.klMean > 0);
        QCOMPARE(records[1].result.divergence.referencePerplexity, records[0].result.perplexity.perplexity);

        // Take it home: the same bytes as the command line.
        const QString mine = exportTo(u"mine"_s, u"compressed-tensors"_s);
        const QString theirs = commandLineExport(u"theirs"_s, u"compressed-tensors"_s);
        QVERIFY(!theirs.isEmpty());
        STEP(compareFolders(mine, theirs));
        QVERIFY(QFileInfo::exists(mine + u"/halftone-certificate.json"_s));
    }

    void aCancelledRunGoesOnAndEndsAsIfNothingHadHappened()
    {
        STEP(openModel());
        for (const Preset& preset : presets())
            if (preset.id.find("gptq") != std::string::npos && document().applyPreset(preset))
                break;
        QVERIFY(document().size().bitsPerWeight < 16);
        const auto connection = connect(&document(), &Document::runBlockAdded, this, [this] { m_window->jobs().cancelTag(u"quantize"_s); });
        QElapsedTimer clock;
        QSignalSpy cancelled(&m_window->jobs(), &JobRunner::cancelled);
        connect(&document(), &Document::runBlockAdded, this, [&clock] { if (!clock.isValid()) clock.start(); });
        STEP(startQuantizing(96, 64));
        QTRY_COMPARE_WITH_TIMEOUT(cancelled.count(), 1, 60000);
        QVERIFY2(clock.elapsed() < 2000, "cancelling takes under two seconds");
        disconnect(connection);
        QTRY_VERIFY(!m_window->jobs().busy());
        QVERIFY(document().unfinishedRun());
        const QString id = toQString(document().unfinishedRun()->id);
        QVERIFY(document().unfinishedRun()->blocksDone >= 1);
        QVERIFY(document().unfinishedRun()->blocksDone < 4);

        auto* resume = m_window->findChild<JobsView*>()->findChild<QToolButton*>(u"jobResume"_s);
        QVERIFY(resume);
        QTRY_VERIFY(resume->isVisible());
        std::vector<int> told;   // earlier blocks come at once, each once and in order
        const auto listening = connect(&document(), &Document::runBlockAdded, this, [&told](int block) { told.push_back(block); });
        QTest::mouseClick(resume, Qt::LeftButton);
        STEP(waitForRun());
        disconnect(listening);
        QCOMPARE(told, (std::vector<int>{0, 1, 2, 3}));
        QCOMPARE(toQString(document().latestRun()->id), id);
        const QString theirs = commandLineExport(u"theirs"_s, u"dense"_s);
        QVERIFY(!theirs.isEmpty());
        STEP(compareFolders(exportTo(u"mine"_s, u"dense"_s), theirs));
    }

    void badFilesGiveASentenceAndLeaveNoProject_data()
    {
        QTest::addColumn<QString>("fault");
        for (const char* fault : {"missing", "empty folder", "text as gguf", "truncated weights", "unknown architecture", "pickle"})
            QTest::addRow("%s", fault) << QString::fromUtf8(fault);
    }
    void badFilesGiveASentenceAndLeaveNoProject()
    {
        QFETCH(QString, fault);
        const QString folder = m_folder->filePath(u"bad"_s);
        QString path = folder;
        QDir().mkpath(folder);
        if (fault == u"missing"_s) {
            path = folder + u"/nowhere"_s;
        } else if (fault == u"text as gguf"_s) {
            path = folder + u"/model.gguf"_s;
            write(path, "no checkpoint, only words");
        } else if (fault == u"truncated weights"_s) {
            for (const QString& name : {u"config.json"_s, u"tokenizer.json"_s})
                write(folder + u'/' + name, read(kModel + u'/' + name));
            write(folder + u"/model.safetensors"_s, read(kModel + u"/model.safetensors"_s).left(20000));
        } else if (fault == u"unknown architecture"_s) {
            QByteArray config = read(kModel + u"/config.json"_s);
            config.replace("LlamaForCausalLM", "MambaForCausalLM").replace("\"llama\"", "\"mamba\"");
            write(folder + u"/config.json"_s, config);
            write(folder + u"/model.safetensors"_s, read(kModel + u"/model.safetensors"_s));
        } else if (fault == u"pickle"_s) {
            write(folder + u"/config.json"_s, read(kModel + u"/config.json"_s));
            write(folder + u"/pytorch_model.bin"_s, QByteArray(64, '\0'));
        }
        QSignalSpy failed(&document(), &Document::openFailed);
        m_window->openPath(path);
        QTRY_COMPARE(failed.count(), 1);
        QVERIFY(!document().isOpen());
        QVERIFY(m_window->messages().contains(u"open"_s));
        const auto* message = m_window->messages().findChild<QWidget*>(u"message-open"_s);
        QVERIFY(message && message->isVisible());
        keepPicture(m_window.get(), u"error-"_s + fault);
        const JobError error = failed.front()[1].value<JobError>();
        QVERIFY2(error.sentence.size() > 20, qPrintable(error.sentence));
        QVERIFY2(error.sentence.contains(u"bad"_s) || error.sentence.contains(u"nowhere"_s) || error.sentence.contains(u"model"_s), qPrintable(error.sentence));
        QVERIFY(QDir(m_folder->filePath(u"projects"_s)).entryList(QDir::AllEntries | QDir::NoDotAndDotDot).isEmpty());
        // The window goes on: a good model opens, and the message goes.
        STEP(openModel());
        QVERIFY(!m_window->messages().contains(u"open"_s));
    }

    void aTextThatIsTooShortIsSaidAndTheViewsGoBack()
    {
        STEP(openModel());
        STEP(analyze());
        const QString brief = m_folder->filePath(u"brief.txt"_s);
        write(brief, "Too short.");
        m_window->tasks().analyze({brief, 2, 256, {}});
        QTRY_VERIFY(m_window->messages().contains(u"analyze"_s));
        QTRY_VERIFY(document().hasAnalysis());
        QCOMPARE(document().analysis().sites.size(), std::size_t(16));
    }

    void droppingAModelOpensItAndDroppingARecipeImportsIt()
    {
        const auto drop = [this](const QString& path) {
            QMimeData data;
            data.setUrls({QUrl::fromLocalFile(path)});
            QDragEnterEvent enter(QPoint(200, 200), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(m_window.get(), &enter);
            QVERIFY(enter.isAccepted());
            QDropEvent event(QPointF(200, 200), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(m_window.get(), &event);
        };
        const QString recipe = m_folder->filePath(u"recipe.json"_s);
        write(recipe, R"({"halftone_recipe": 1, "defaults": {"weights": {"bits": 4, "group": 32}}})");
        STEP(drop(recipe));
        QTRY_VERIFY(m_window->messages().contains(u"recipe"_s));   // a recipe needs a model
        STEP(drop(kModel));
        QTRY_VERIFY(document().isOpen());
        STEP(drop(recipe));
        QTRY_COMPARE(bits(u"model.layers.3.mlp.up_proj"_s), 4);
        STEP(keys(QKeySequence::Undo));
        QTRY_COMPARE(bits(u"model.layers.3.mlp.up_proj"_s), 16);

        write(recipe, R"({"halftone_recipe": 1, "defaults": {"weights": {"bitz": 4}}})");
        STEP(drop(recipe));
        QTRY_VERIFY(m_window->messages().contains(u"recipe"_s));
        const auto* message = m_window->messages().findChild<QWidget*>(u"message-recipe"_s);
        bool named = false;
        for (const auto* label : message->findChildren<QLabel*>())
            named = named || label->text().contains(u"bitz"_s);
        QVERIFY2(named, "the faulty key is named");
        QCOMPARE(bits(u"model.layers.3.mlp.up_proj"_s), 16);
    }

    void whatWasOpenIsOfferedAgain()
    {
        STEP(openModel());
        m_window->quitNow();
        m_window.reset();
        STEP(start());
        QPushButton* recent = nullptr;   // the rows are made again when what stands in them is known
        QTRY_VERIFY((recent = m_window->findChild<QPushButton*>(u"recent0"_s)) && recent->isVisible());
        QTest::mouseClick(recent, Qt::LeftButton);
        QTRY_VERIFY(document().isOpen());
        QCOMPARE(document().name(), u"tiny-llama"_s);
    }

    void openingAgainFindsStatisticsRunsAndEvaluations()
    {
        STEP(openModel());
        STEP(analyze());
        const double absmax = document().analysis().sites.front().absmax();
        const QString project = pathText(document().project()->folder());
        m_window->quitNow();
        m_window.reset();
        STEP(start());
        STEP(openModel(project));
        QTRY_VERIFY(document().hasAnalysis());
        QCOMPARE(document().analysis().sites.size(), std::size_t(16));
        QCOMPARE(document().analysis().sites.front().absmax(), absmax);
        QVERIFY(m_window->findChild<HeatmapView*>(u"outliersMap"_s)->data().measured(3));
    }

    void selectingGoesBothWays()
    {
        STEP(openModel());
        STEP(analyze());
        auto* map = m_window->findChild<HeatmapView*>(u"outliersMap"_s);
        const QRect area = map->mapRect();
        const QPoint at(area.left() + area.width() / 3, area.top() + area.height() * 5 / 8);   // block 2 of 4
        const auto cell = map->cellAt(at);
        QVERIFY(cell);
        QCOMPARE(cell->y(), 2);
        QTest::mouseClick(map, Qt::LeftButton, {}, at);
        QTRY_COMPARE(document().selection().block, 2);
        QCOMPARE(document().selection().channel, cell->x());
        QVERIFY(!document().selection().linear.empty());
        const QStringList rows = m_window->findChild<LayersView*>()->selectedLinears();
        QVERIFY(rows.contains(toQString(document().selection().linear)));

        STEP(clickRow(row(u"model.layers.3.mlp.down_proj"_s)));
        QTRY_COMPARE(document().selection().block, 3);
        QCOMPARE(map->selectedCell().y(), 3);
        const auto* inspector = m_window->findChild<Inspector*>();
        QVERIFY(inspector->findChild<QWidget*>(u"siteSection"_s)->isVisible());
        QVERIFY(inspector->findChild<QWidget*>(u"weightsSection"_s)->isVisible());
    }

    void everyWorkspaceShowsItsDocksAndKeepsItsArrangement()
    {
        STEP(openModel());
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            QTest::keyClick(m_window.get(), static_cast<Qt::Key>(Qt::Key_1 + kind), Qt::ControlModifier);
            QTRY_COMPARE(int(m_window->workspaces().current()), kind);
            QCOMPARE(m_window->findChild<QWidget*>(u"layersDock"_s)->isVisible(), kind != Workspaces::Compare);
            QCOMPARE(m_window->findChild<QWidget*>(u"outliersDock"_s)->isVisible(), kind == Workspaces::Inspect);
            QCOMPARE(m_window->findChild<QWidget*>(u"compareDock"_s)->isVisible(), kind == Workspaces::Compare);
        }
        m_window->setWorkspace(Workspaces::Inspect);
        QTRY_VERIFY(m_window->findChild<QWidget*>(u"channelsDock"_s)->isVisible());
        QTest::qWait(20);              // seen, so that the command hides it
        trigger(u"show-channels"_s);
        QVERIFY(!m_window->findChild<QWidget*>(u"channelsDock"_s)->isVisible());
        m_window->setWorkspace(Workspaces::Run);
        m_window->setWorkspace(Workspaces::Inspect);
        QVERIFY(!m_window->findChild<QWidget*>(u"channelsDock"_s)->isVisible());
        STEP(trigger(u"resetWorkspace"_s));
        QVERIFY(m_window->findChild<QWidget*>(u"channelsDock"_s)->isVisible());
    }

    void theThemeChangesLive()
    {
        STEP(openModel());
        STEP(trigger(u"theme-light"_s));
        QCOMPARE(currentTheme(), Theme::Light);
        const QColor light = m_window->grab().toImage().pixelColor(4, m_window->height() - 4);
        STEP(trigger(u"theme-dark"_s));
        QCOMPARE(currentTheme(), Theme::Dark);
        const QColor dark = m_window->grab().toImage().pixelColor(4, m_window->height() - 4);
        QVERIFY(light.lightnessF() > 0.7);
        QVERIFY(dark.lightnessF() < 0.3);
    }

    void theGuideOpensAndItsLinksLead()
    {
        QTest::keyClick(m_window.get(), Qt::Key_F1);
        auto* help = m_window->findChild<QWidget*>(u"help"_s);
        QTRY_VERIFY(help && help->isVisible());
        QVERIFY(help->findChild<QTextBrowser*>()->toPlainText().size() > 200);
        keepPicture(help, u"help"_s);
    }

    void whatCannotStartSaysWhy()
    {
        STEP(openModel());
        QDialog* box = dialog(u"quantize"_s, u"quantizeDialog"_s);
        QVERIFY(box);
        QVERIFY(!box->findChild<QPushButton*>(u"start"_s)->isEnabled());   // the recipe quantizes nothing
        QVERIFY(box->findChild<QLabel*>(u"note"_s)->text().size() > 20);
        box->close();
        QVERIFY(!m_window->findChild<QAction*>(u"export"_s)->isEnabled());
        QDialog* analyze = dialog(u"analyze"_s, u"analyzeDialog"_s);
        analyze->findChild<TextField*>()->setFile(m_folder->filePath(u"none.txt"_s));
        QVERIFY(!analyze->findChild<QPushButton*>(u"start"_s)->isEnabled());
        analyze->close();
    }

    void anExportThatCannotBeSaysEachReasonOnceAndWhole()
    {
        STEP(openModel());
        QStringList linears;
        for (const LinearInfo& linear : document().model().linears)
            linears << toQString(linear.name);
        PlanPatch patch;
        patch.bits = 3;   // packed differently by versions of the format: refused, of every linear
        QVERIFY(document().editPlans(linears, patch));
        STEP(startQuantizing(2, 32));
        STEP(waitForRun());
        QDialog* box = dialog(u"export"_s, u"exportDialog"_s);
        QVERIFY(box);
        auto* formats = box->findChild<QComboBox*>(u"format"_s);
        formats->setCurrentIndex(formats->findData(u"compressed-tensors"_s));
        auto* issues = box->findChild<QPlainTextEdit*>(u"issues"_s);
        QTRY_VERIFY2(issues->toPlainText().startsWith(u"✕ "_s), qPrintable(issues->toPlainText()));
        const QStringList lines = issues->toPlainText().split(u'\n');
        QVERIFY2(lines.size() <= 4, qPrintable(lines.join(u'\n')));
        QVERIFY2(lines.front().contains(u"and %1 more: "_s.arg(linears.size() - 1)), qPrintable(lines.front()));
        bool warned = false;   // those that only warn stand below
        for (const QString& line : lines) {
            warned = warned || line.startsWith(u'!');
            QVERIFY2(!warned || !line.startsWith(u"✕"_s), qPrintable(line));
        }
        auto* note = box->findChild<QLabel*>(u"note"_s);
        QTRY_VERIFY(!note->text().isEmpty() && note->height() >= note->heightForWidth(note->width()));
        QVERIFY(!box->findChild<QAbstractButton*>(u"start"_s)->isEnabled());
        box->reject();
    }

    void anExportReplacesNothingButAnEarlierExport()
    {
        STEP(openModel());
        PlanPatch patch;
        patch.bits = 8;
        QVERIFY(document().editPlans({toQString(document().model().linears.front().name)}, patch));
        STEP(startQuantizing(2, 32));
        STEP(waitForRun());
        const auto into = [&](const QString& out) {
            QDialog* box = dialog(u"export"_s, u"exportDialog"_s);
            auto* formats = box->findChild<QComboBox*>(u"format"_s);
            formats->setCurrentIndex(formats->findData(u"dense"_s));
            auto* line = box->findChild<QLineEdit*>(u"out"_s);
            line->selectAll();
            QTest::keyClicks(line, out);
            auto* overwrite = box->findChild<QCheckBox*>(u"overwrite"_s);
            if (!overwrite->isChecked())
                QTest::keyClick(overwrite, Qt::Key_Space);
            return box;
        };
        const auto put = [&](const QString& path) {
            QDir().mkpath(QFileInfo(path).absolutePath());
            QFile file(path);
            return file.open(QIODevice::WriteOnly) && file.write("precious") == 8;
        };
        // Somebody's folder: said in the dialog, which cannot be started.
        const QString work = m_folder->filePath(u"work"_s);
        QVERIFY(put(work + u"/notes.txt"_s));
        QDialog* box = into(work);
        auto* note = box->findChild<QLabel*>(u"note"_s);
        QTRY_VERIFY2(note->text().contains(u"is no earlier export"_s), qPrintable(note->text()));
        QVERIFY(!box->findChild<QAbstractButton*>(u"start"_s)->isEnabled());
        box->reject();
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"exportDialog"_s));
        // An export with a person's file in it: the job says so and touches nothing.
        const QString out = exportTo(u"out"_s, u"dense"_s);
        QVERIFY(put(out + u"/notes.txt"_s));
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"exportDialog"_s));
        const auto before = filesOf(out);
        box = into(out);
        pressStart(box);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 60000);
        QVERIFY(filesOf(out) == before);
        QVERIFY(!m_window->messages().contains(u"exported"_s));
        // Without it, the export is replaced.
        QVERIFY(QFile::remove(out + u"/notes.txt"_s));
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"exportDialog"_s));
        box = into(out);
        pressStart(box);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->messages().contains(u"exported"_s), 60000);
        QVERIFY(QFile::exists(work + u"/notes.txt"_s));
    }

    void closingWhileARunIsAtWorkAsksFirst()
    {
        STEP(openModel());
        for (const Preset& preset : presets())
            if (preset.id.find("gptq") != std::string::npos && document().applyPreset(preset))
                break;
        STEP(startQuantizing(96, 64));
        QTRY_VERIFY(m_window->jobs().isRunning(u"quantize"_s));
        m_window->close();
        QVERIFY(m_window->isVisible());
        auto* box = m_window->findChild<QMessageBox*>(u"quitBox"_s);
        QVERIFY(box);
        QTest::mouseClick(box->buttons().front(), Qt::LeftButton);
        QTRY_VERIFY(!m_window->isVisible());
        m_window.reset();   // stops and waits
    }
};

QTEST_MAIN(TestStudio)
#include "tst_studio.moc"
