#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/exporting/export_job.h"
#include "core/model/compressed_model.h"
#include "core/model/model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <algorithm>
#include <fstream>

using namespace halftone;
using namespace halftone::testing;

namespace fs = std::filesystem;

/// Exports carry the head that the source had: one of its own, one matrix for both ends, or none.
class SourceCarriedTest : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_root;
    fs::path m_model;

    /// A copy of tiny-llama whose tensors went through `change` (renamed, or left out by an empty name); with a head of its own where `distinctHead`.
    void putModel(bool tied, const std::function<std::string(const std::string&)>& change, bool distinctHead) const
    {
        fs::create_directories(m_model);
        for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
            fs::copy_file(tinyLlama() / file, m_model / file);
        Json config = readJsonFile(tinyLlama() / "config.json");
        config["tie_word_embeddings"] = tied;
        std::ofstream(m_model / "config.json") << config.dump();
        std::vector<TensorToWrite> tensors;
        const auto source = Checkpoint::open(tinyLlama());
        for (const TensorInfo& info : source->tensors())
            if (const std::string name = change(info.name); !name.empty())
                tensors.push_back({name, info.dtype, info.shape, [raw = source->readRaw(info)] { return raw; }});
        if (distinctHead) {
            const TensorInfo& embedding = source->at("model.embed_tokens.weight");
            std::vector<std::byte> raw = source->readRaw(embedding);
            std::rotate(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(2 * embedding.shape[1]), raw.end());   // each token gets another's row
            tensors.push_back({"lm_head.weight", embedding.dtype, embedding.shape, [raw] { return raw; }});
        }
        writeSafetensors(m_model, tensors);
    }
    std::shared_ptr<Project> quantized() const
    {
        SilentProgress silent;
        QuantizeJob job;
        job.model = m_model;
        job.recipe = tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "group": 32}})");
        job.text = tinyText();
        job.project = Project::open(m_model.parent_path() / "p.halftone", m_model);
        quantize(job, silent, {});
        return job.project;
    }
    ExportResult exported(const std::shared_ptr<Project>& project, const std::string& format) const
    {
        SilentProgress silent;
        ExportJob job;
        job.project = project;
        job.format = format;
        job.out = m_model.parent_path() / format;
        return exportRun(job, silent, {});
    }

private Q_SLOTS:
    void init()
    {
        m_root = std::make_unique<QTemporaryDir>();
        m_model = fs::path(m_root->path().toStdString()) / "model";
    }

    void headsAreCarried_data()
    {
        QTest::addColumn<bool>("distinct");
        QTest::addColumn<bool>("asHead");
        QTest::newRow("a head of its own, though the config ties") << true << false;
        QTest::newRow("one matrix under the head's name") << false << true;
        QTest::newRow("one matrix") << false << false;
    }
    void headsAreCarried()
    {
        QFETCH(bool, distinct);
        QFETCH(bool, asHead);
        putModel(true, [&](const std::string& name) { return asHead && name == "model.embed_tokens.weight" ? std::string("lm_head.weight") : name; }, distinct);
        const at::NoGradGuard noGrad;
        const auto project = quantized();
        const auto source = Model::open(m_model);
        QCOMPARE(source->config().tiedEmbeddings, !distinct);
        const at::Tensor hidden = at::randn({3, source->config().hidden});
        for (const char* format : {"dense", "compressed-tensors"}) {
            exported(project, format);
            const fs::path out = m_model.parent_path() / format;
            QCOMPARE(readJsonFile(out / "config.json").at("tie_word_embeddings").get<bool>(), !distinct);
            const auto checkpoint = Checkpoint::open(out);
            QCOMPARE(checkpoint->find("lm_head.weight") != nullptr, distinct);
            QVERIFY(checkpoint->find("model.embed_tokens.weight"));
            const std::shared_ptr<const BlockSource> read = isCompressedTensors(out) ? openCompressedTensors(out) : Model::open(out);
            QVERIFY(at::equal(read->logits(hidden), source->logits(hidden)));   // tiny-llama is stored as bf16, and so is the export
        }
    }

    void aDecoderWithoutAHeadIsQuantizedAndExported()
    {
        putModel(false, [](const std::string& name) { return name.substr(6); }, false);   // "model." taken off: LlamaModel saved alone
        const auto project = quantized();
        QCOMPARE(project->run({}).canaryPerplexity, 0.0);
        for (const char* format : {"dense", "compressed-tensors"}) {
            const ExportResult result = exported(project, format);
            const Json certificate = Json::parse(result.certificate);
            QVERIFY(!certificate.contains("probe_kl_mean"));
            QVERIFY(certificate.at("probe_hidden_error").get<double>() < 0.01);
            const fs::path out = m_model.parent_path() / format;
            const std::shared_ptr<const BlockSource> read = isCompressedTensors(out) ? openCompressedTensors(out) : Model::open(out);
            QVERIFY(!read->config().head);
        }
        SilentProgress silent;
        const AnalyzeJob look{m_model, {tinyText(), 1, 32}, {}, project, {}, {}};
        QVERIFY(!analyze(look, silent, {}).sites.empty());
        for (const std::string& target : {m_model.string(), project->folder().string(), (m_model.parent_path() / "dense").string()}) {
            try {
                evaluate({target, {tinyText(), 1, 32}, std::nullopt, {}, {}}, silent, {});
                QFAIL("evaluated without a head");
            } catch (const Error& error) {
                QVERIFY2(error.kind() == ErrorKind::BadFile && std::string(error.what()).find("has no head") != std::string::npos, error.what());
            }
        }
    }
};

QTEST_GUILESS_MAIN(SourceCarriedTest)
#include "tst_source_carried.moc"
