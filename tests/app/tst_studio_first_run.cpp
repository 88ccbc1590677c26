#include "window_fixture.h"

#include "app/studio/text.h"
#include "core/recipe/preset_fit.h"
#include "widgets/message_banner.h"

#include <QDialog>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include <algorithm>
#include <set>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The first quantization that a new user starts: a model, a preset, Quantize, Enter, and nothing else.
class TestStudioFirstRun : public WindowFixture {
    Q_OBJECT

private:
    /// A model of the goldens, which come without a tokenizer, with one of the characters that the sample text is made of.
    QString goldenModel(const QString& name)
    {
        const QString source = QStringLiteral(HALFTONE_TEST_DATA "/model/goldens/") + name, folder = m_folder->filePath(name);
        QDir().mkpath(folder);
        for (const QString& file : {u"config.json"_s, u"model.safetensors"_s})
            if (!QFile::copy(source + u'/' + file, folder + u'/' + file))
                return {};
        QJsonObject vocabulary{{u"<unk>"_s, 0}, {u"\u2581"_s, 1}};
        int next = 2;
        for (const QChar c : u"etaoinshrdlucmfwypvbgkqjxzETAOINSHRDLUCMFWYPVBGKQJXZ.,-'\"0123456789"_s)
            vocabulary.insert(QString(c), next++);
        const QJsonObject tokenizer{
            {u"version"_s, u"1.0"_s}, {u"truncation"_s, {}}, {u"padding"_s, {}}, {u"added_tokens"_s, QJsonArray()}, {u"post_processor"_s, {}}, {u"pre_tokenizer"_s, {}},
            {u"normalizer"_s, QJsonObject{{u"type"_s, u"Replace"_s}, {u"pattern"_s, QJsonObject{{u"String"_s, u" "_s}}}, {u"content"_s, u"\u2581"_s}}},
            {u"decoder"_s, QJsonObject{{u"type"_s, u"Sequence"_s}, {u"decoders"_s, QJsonArray{QJsonObject{{u"type"_s, u"Replace"_s}, {u"pattern"_s, QJsonObject{{u"String"_s, u"\u2581"_s}}}, {u"content"_s, u" "_s}},
                                                                                             QJsonObject{{u"type"_s, u"Fuse"_s}}}}}},
            {u"model"_s, QJsonObject{{u"type"_s, u"BPE"_s}, {u"unk_token"_s, u"<unk>"_s}, {u"fuse_unk"_s, true}, {u"byte_fallback"_s, false}, {u"vocab"_s, vocabulary}, {u"merges"_s, QJsonArray()}}}};
        write(folder + u"/tokenizer.json"_s, QJsonDocument(tokenizer).toJson());
        return folder;
    }

    /// Presets that a family of the goldens is against, and why; all others fit all.
    struct Refused {
        QStringList presets;
        QString why;
    };
    static Refused refused(const QString& model)
    {
        const QStringList transforms{u"w8a8-smoothquant"_s, u"w8a8-crossquant-folded"_s, u"w4a16-awq-g64"_s, u"w4a16-awq-paper"_s, u"w8a8-smoothquant-paper"_s,
                                     u"w4a4-omniquant"_s, u"w4a4-omniquant-paper"_s, u"w4a4-affinequant"_s, u"w4a4-affinequant-paper"_s};
        if (model == u"opt-post-norm"_s)
            return {transforms, u"the block norms after its sublayers"_s};
        if (model == u"bloom-residual-after-norm"_s)
            return {transforms, u"the norm's output also feeds the residual"_s};
        return {};
    }

    QDialog* quantizeDialog()
    {
        QDialog* dialog = nullptr;
        [&] { QTRY_VERIFY((dialog = m_window->findChild<QDialog*>(u"quantizeDialog"_s)) && dialog->isVisible()); }();
        return dialog;
    }

    /// A few windows, and of what trains a few steps: what a preset asks of text and model stays.
    void takeLittle()
    {
        Recipe recipe = document().recipe();
        recipe.calibration.samples = 8;
        recipe.calibration.length = std::min(recipe.calibration.length, 32);
        const auto shorten = [&](std::optional<MethodChoice>& choice, MethodKind kind) {
            const MethodInfo* info = choice ? findMethod(kind, choice->method) : nullptr;
            if (!info || std::none_of(info->parameters.begin(), info->parameters.end(), [](const ParameterInfo& parameter) { return parameter.key == "steps"; }))
                return;
            std::erase_if(choice->parameters, [](const auto& parameter) { return parameter.first == "steps"; });
            choice->parameters.emplace_back("steps", std::int64_t(3));
            std::sort(choice->parameters.begin(), choice->parameters.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        };
        shorten(recipe.defaults.rounding, MethodKind::Rounding);
        shorten(recipe.defaults.transform, MethodKind::Transform);
        QVERIFY(document().replaceRecipe(recipe, u"a little"_s));
    }

    QString problems()
    {
        QStringList said;
        for (const JobStatus& job : m_window->jobs().jobs())
            if (job.state == JobState::Failed)
                said << job.title + u": "_s + job.error;
        if (m_window->messages().contains(u"quantize"_s))
            said << m_window->messages().findChild<QWidget*>(u"message-quantize"_s)->accessibleName();
        return said.join(u'\n');
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void aPresetThenEnterRunsToTheEnd_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("preset");
        std::set<std::string> kinds;
        QStringList few;   // one of each method
        for (const Preset& preset : presets()) {
            QTest::addRow("llama, %s", preset.id.c_str()) << u"llama"_s << toQString(preset.id);
            const PlanPatch& plan = preset.recipe.defaults;
            const auto method = [](const std::optional<MethodChoice>& choice) { return choice ? choice->method : std::string("none"); };
            if (kinds.insert(method(plan.transform) + "/" + method(plan.rounding) + "/" + method(plan.compensation)).second)
                few << toQString(preset.id);
        }
        for (const QString& model : {u"opt"_s, u"opt-post-norm"_s, u"bloom"_s, u"bloom-residual-after-norm"_s, u"qwen2"_s, u"qwen3"_s, u"mistral-window"_s})
            for (const QString& preset : few)
                if (!refused(model).presets.contains(preset))
                    QTest::addRow("%s, %s", qPrintable(model), qPrintable(preset)) << model << preset;
    }
    void aPresetThenEnterRunsToTheEnd()
    {
        QFETCH(QString, model);
        QFETCH(QString, preset);
        const QString folder = goldenModel(model);
        QVERIFY(!folder.isEmpty());
        STEP(openModel(folder));
        STEP(trigger(u"preset-"_s + preset));
        QVERIFY2(!m_window->messages().contains(u"recipe-rejected"_s), "what does not fit is off in the menu");
        if (model != u"llama"_s || preset != u"w4a16-gptq-g64"_s)   // that one as it comes
            STEP(takeLittle());
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        QDialog* dialog = quantizeDialog();
        QVERIFY(dialog);
        QTest::keyClick(dialog->focusWidget() ? dialog->focusWidget() : dialog, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && (document().latestRun() || !problems().isEmpty()), 300000);
        QVERIFY2(problems().isEmpty(), qPrintable(problems()));
        QVERIFY(document().latestRun());
        QCOMPARE(document().latestRun()->blocksDone, document().model().config.blocks);
    }

    /// What a preset cannot do on a family is known before it is chosen: its row is off, and says the sentence that applying it would be answered with.
    void aPresetThatDoesNotFitIsOffAndSaysWhy_data()
    {
        QTest::addColumn<QString>("model");
        for (const QString& model : QDir(QStringLiteral(HALFTONE_TEST_DATA "/model/goldens")).entryList(QDir::Dirs | QDir::NoDotAndDotDot))
            QTest::addRow("%s", qPrintable(model)) << model;
    }
    void aPresetThatDoesNotFitIsOffAndSaysWhy()
    {
        QFETCH(QString, model);
        const QString source = QStringLiteral(HALFTONE_TEST_DATA "/model/goldens/") + model;
        m_window->openPath(source);
        QTRY_VERIFY(document().isOpen());
        QTRY_VERIFY(!m_window->jobs().busy());
        QStringList off;
        for (const Preset& preset : presets()) {
            const QString id = toQString(preset.id);
            const PresetFit fit = fitPreset(document().recipe(), preset, document().model(), document().analysis());
            QAction* row = action(u"preset-"_s + id);
            QVERIFY2(row, qPrintable(id));
            QCOMPARE(row->isEnabled(), fit.refusal.empty());
            QSignalSpy rejected(&document(), &Document::recipeRejected);
            QCOMPARE(document().applyPreset(preset), fit.refusal.empty());
            QCOMPARE(rejected.size(), fit.refusal.empty() ? 0 : 1);
            if (fit.refusal.empty()) {
                document().undoStack().undo();
                continue;
            }
            off << id;
            QCOMPARE(rejected.front()[0].toString(), toQString(fit.refusal));
            QVERIFY2(row->statusTip().contains(toQString(fit.refusal)), qPrintable(row->statusTip()));
            QVERIFY2(!row->statusTip().contains(u"recipe: /"_s), qPrintable(row->statusTip()));
            QVERIFY2(toQString(fit.refusal).contains(u"cannot have the transform"_s) && toQString(fit.refusal).contains(refused(model).why), fit.refusal.c_str());
        }
        QCOMPARE(off, refused(model).presets);
    }

    void aShortTextIsClampedAndSaid()
    {
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-gptq-g64"_s));
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        QDialog* dialog = quantizeDialog();
        QVERIFY(dialog);
        auto* text = dialog->findChild<QLineEdit*>(u"text"_s);
        text->selectAll();
        QTest::keyClicks(text, textFile());
        auto* note = dialog->findChild<QLabel*>(u"note"_s);
        QTRY_VERIFY2(QRegularExpression(u"^\\d+ of 128 samples: the text is short"_s).match(note->text()).hasMatch(), qPrintable(note->text()));
        const int samples = note->text().section(u' ', 0, 0).toInt();
        QVERIFY(samples > 0 && samples < 128);
        STEP(keepPicture(dialog, u"quantize-short-text"_s));
        QTest::keyClick(text, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);
        QVERIFY2(problems().isEmpty(), qPrintable(problems()));
    }

    void aTextTooShortForOneSampleIsRefusedBeforeTheJob()
    {
        STEP(openModel());
        STEP(trigger(u"preset-w4a16-gptq-g64"_s));
        const QString file = m_folder->filePath(u"short.txt"_s);
        write(file, "Too short.");
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        QDialog* dialog = quantizeDialog();
        QVERIFY(dialog);
        auto* text = dialog->findChild<QLineEdit*>(u"text"_s);
        text->selectAll();
        QTest::keyClicks(text, file);
        auto* start = dialog->findChild<QPushButton*>(u"start"_s);
        QTRY_VERIFY(!start->isEnabled());
        QTRY_VERIFY2(dialog->findChild<QLabel*>(u"note"_s)->text().contains(u"one window needs 512"_s), qPrintable(dialog->findChild<QLabel*>(u"note"_s)->text()));
        QTest::keyClick(text, Qt::Key_Return);
        QVERIFY(dialog->isVisible());
        QVERIFY(m_window->jobs().jobs().empty());
    }
};

QTEST_MAIN(TestStudioFirstRun)
#include "tst_studio_first_run.moc"
