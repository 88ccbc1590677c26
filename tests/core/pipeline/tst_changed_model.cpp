#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/exporting/export_job.h"
#include "core/project/project_model.h"

#include <QtTest>

#include <fstream>

using namespace halftone;
using namespace halftone::testing;

namespace fs = std::filesystem;

namespace {

std::string messageOf(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return (error.kind() == ErrorKind::BadFile ? "BadFile: " : "other: ") + std::string(error.what());
    }
    return {};
}

} // namespace

/// A project's model is replaced, edited, or moved while nobody looks.
class ChangedModelTest : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_root;
    fs::path m_model, m_project;

    std::shared_ptr<Project> open() const { return Project::open(m_project, m_model); }
    QuantizeResult quantizeHere(bool resume = true, bool stopAtOnce = false) const
    {
        SilentProgress silent;
        QuantizeJob job;
        job.model = m_model;
        job.recipe = tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}})");
        job.text = tinyText();
        job.project = open();
        job.resume = resume;
        std::stop_source stop;
        if (stopAtOnce)
            job.blockDone = [&](const BlockResult&) { stop.request_stop(); };
        return quantize(job, silent, stop.get_token());
    }
    Evaluation evaluateHere() const
    {
        SilentProgress silent;
        return evaluate({m_project.string(), {tinyText(), 1, 32}, std::nullopt, {}, {}}, silent, {});
    }
    void exportHere() const
    {
        SilentProgress silent;
        ExportJob job;
        job.project = Project::openExisting(m_project, true);
        job.format = "dense";
        job.out = fs::path(m_root->path().toStdString()) / "out";
        exportRun(job, silent, {});
    }
    void analyzeHere() const
    {
        SilentProgress silent;
        AnalyzeJob job{m_model, {tinyText(), 1, 32}, {}, open(), {}, {}};
        analyze(job, silent, {});
    }
    /// Every use of the project refuses, and says what changed.
    void everybodyRefuses(const std::string& says) const
    {
        for (const std::function<void()>& use : std::vector<std::function<void()>>{[&] { evaluateHere(); }, [&] { exportHere(); }, [&] { analyzeHere(); }, [&] { quantizeHere(); }}) {
            const std::string message = messageOf(use);
            QVERIFY2(message.starts_with("BadFile: ") && message.find(says) != std::string::npos, message.c_str());
        }
        QVERIFY(!fs::exists(fs::path(m_root->path().toStdString()) / "out"));
    }
    void append(const char* file, const char* text) const { std::ofstream(m_model / file, std::ios::app) << text; }

private Q_SLOTS:
    void init()
    {
        m_root = std::make_unique<QTemporaryDir>();
        m_model = fs::path(m_root->path().toStdString()) / "model";
        m_project = fs::path(m_root->path().toStdString()) / "p.halftone";
        fs::copy(tinyLlama(), m_model);
        for (const auto& file : fs::directory_iterator(m_model))
            fs::permissions(file.path(), fs::perms::owner_write, fs::perm_options::add);
    }

    void aChangedFileIsNamed_data()
    {
        QTest::addColumn<QString>("file");
        for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json"})
            QTest::newRow(file) << QString::fromLatin1(file);
    }
    void aChangedFileIsNamed()
    {
        QFETCH(QString, file);
        quantizeHere();
        append(file.toUtf8().constData(), "\n");
        everybodyRefuses(file.toStdString() + " differs");
    }

    void aChangedTensorIsNamed()
    {
        quantizeHere();
        std::vector<TensorToWrite> tensors;
        {
            const auto checkpoint = Checkpoint::open(m_model);
            for (const TensorInfo& info : checkpoint->tensors()) {
                std::vector<std::byte> raw = checkpoint->readRaw(info);
                if (info.name == "model.layers.1.mlp.up_proj.weight")
                    raw[raw.size() / 2] ^= std::byte{1};
                tensors.push_back({info.name, info.dtype, info.shape, [raw] { return raw; }});
            }
        }
        writeSafetensors(m_model, tensors);
        everybodyRefuses("the tensor model.layers.1.mlp.up_proj.weight differs");
    }

    void anUnfinishedRunDoesNotGoOnWithAnotherModel()
    {
        QVERIFY_EXCEPTION_THROWN(quantizeHere(true, true), Cancelled);
        append("config.json", " ");
        const std::string message = messageOf([&] { quantizeHere(); });
        QVERIFY2(message.find("config.json differs") != std::string::npos, message.c_str());
    }

    void timesAloneChangeNothing()
    {
        quantizeHere();
        for (const auto& file : fs::directory_iterator(m_model))
            fs::last_write_time(file.path(), fs::file_time_type::clock::now() + std::chrono::hours(1));
        evaluateHere();
        exportHere();
        analyzeHere();
    }

    void aModelThatMovedIsAskedForComparedAndRemembered()
    {
        quantizeHere();
        const double before = evaluateHere().perplexity.perplexity;
        const fs::path moved = fs::path(m_root->path().toStdString()) / "elsewhere" / "model";
        const fs::path other = fs::path(m_root->path().toStdString()) / "other";
        fs::create_directories(moved.parent_path());
        fs::rename(m_model, moved);
        const std::string message = messageOf([&] { evaluateHere(); });
        QVERIFY2(message.find(m_model.string() + " is not there any more") != std::string::npos && message.find("--model PATH") != std::string::npos, message.c_str());
        fs::copy(moved, other);
        std::ofstream(other / "config.json", std::ios::app) << " ";
        const std::string refused = messageOf([&] { moveModel(*Project::openExisting(m_project, false), other); });
        QVERIFY2(refused.find("config.json differs") != std::string::npos, refused.c_str());
        const std::string opened = messageOf([&] { Project::open(m_project, other); });   // as quantize opens it
        QVERIFY2(opened.find("config.json differs") != std::string::npos, opened.c_str());
        moveModel(*Project::openExisting(m_project, false), moved);
        QCOMPARE(Project::openExisting(m_project, true)->modelPath(), moved);
        QCOMPARE(evaluateHere().perplexity.perplexity, before);
    }

    void aProjectThatKnowsNoPartsLearnsThem()
    {
        quantizeHere();
        const fs::path manifest = m_project / "manifest.json";
        Json json = readJsonFile(manifest);
        QVERIFY(json.contains("model_identity"));
        json.erase("model_identity");   // as versions before wrote it
        std::ofstream(manifest, std::ios::trunc) << json.dump(1);
        evaluateHere();
        exportHere();
        QVERIFY(!readJsonFile(manifest).contains("model_identity"));   // reading learns nothing
        analyzeHere();
        QVERIFY(readJsonFile(manifest).contains("model_identity"));
    }
};

QTEST_GUILESS_MAIN(ChangedModelTest)
#include "tst_changed_model.moc"
