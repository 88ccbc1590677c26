#include "golden.h"

#include "core/base/error.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/model/describe.h"

#include <QtTest>

#include <cstring>
#include <limits>

using namespace halftone;

namespace {

/// The message of the Error that `work` throws, with its kind before it; empty when it throws none.
std::string errorOf(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        const std::string kind = error.kind() == ErrorKind::BadFile ? "BadFile: " : error.kind() == ErrorKind::Unsupported ? "Unsupported: " : "other: ";
        return kind + error.what();
    }
    return {};
}

/// Rewrites model.safetensors of a copy with one tensor changed (or left out, when `change` returns false).
void rewrite(const golden::Copy& copy, const std::function<bool(TensorToWrite&)>& change)
{
    std::vector<TensorToWrite> tensors;
    {
        const auto checkpoint = Checkpoint::open(copy.path());
        for (const TensorInfo& info : checkpoint->tensors()) {
            TensorToWrite tensor{info.name, info.dtype, info.shape, [raw = checkpoint->readRaw(info)] { return raw; }};
            if (change(tensor))
                tensors.push_back(std::move(tensor));
        }
    }
    writeSafetensors(copy.path(), tensors);
}

} // namespace

class ModelTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badConfigsAreRefusedWithTheKey_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* title, const char* name, const char* key, const char* value, const char* says) {
            QTest::newRow(title) << name << key << value << says;
        };
        row("heads do not divide", "llama-no-head-dim", "num_attention_heads", "5", "num_attention_heads");
        row("key heads do not divide these", "llama", "num_attention_heads", "5", "do not divide 5");
        row("key heads do not divide", "llama", "num_key_value_heads", "3", "do not divide 4");
        row("negative layers", "llama", "num_hidden_layers", "-2", "num_hidden_layers");
        row("no layers", "llama", "num_hidden_layers", "0", "num_hidden_layers");
        row("absurd hidden", "llama", "hidden_size", "1000000000000000000", "hidden_size");
        row("beyond 64 bits", "llama", "hidden_size", "18446744073709551615", "hidden_size");
        row("absurd vocabulary", "llama", "vocab_size", "1000000000000000000", "vocab_size");
        row("absurd layers", "llama", "num_hidden_layers", "1000000000000", "num_hidden_layers");
        row("more layers than tensors", "llama", "num_hidden_layers", "3", "model.layers.2");
        row("absurd intermediate", "llama", "intermediate_size", "1e18", "intermediate_size");
        row("absurd head dimension", "llama-biases", "head_dim", "4194304", "wider than the limit");
        row("odd head dimension", "llama-biases", "head_dim", "13", "odd");
        row("text for a number", "llama", "hidden_size", "\"32\"", "hidden_size");
        row("fraction", "llama", "hidden_size", "32.5", "hidden_size");
        row("missing", "llama", "hidden_size", "null", "hidden_size");
        row("other hidden", "llama", "hidden_size", "64", "model.embed_tokens.weight");
        row("negative epsilon", "llama", "rms_norm_eps", "-1", "rms_norm_eps");
        row("theta zero", "llama", "rope_theta", "0", "rope_theta");
        row("scaling without factor", "llama", "rope_scaling", "{\"rope_type\": \"linear\"}", "factor");
        row("frequencies crossed", "llama", "rope_scaling",
            "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 1, \"original_max_position_embeddings\": 64}", "high_freq_factor");
        row("heads of OPT", "opt", "num_attention_heads", "7", "num_attention_heads");
        row("positions of OPT", "opt", "max_position_embeddings", "50", "embed_positions");
        row("heads of BLOOM", "bloom", "n_head", "7", "n_head");
        row("layer types of Qwen", "qwen2-window", "layer_types", "[\"full_attention\"]", "layer_types");
    }
    void badConfigsAreRefusedWithTheKey()
    {
        QFETCH(QString, name);
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, says);
        const bool derived = name == "llama-no-head-dim";
        const golden::Copy copy(derived ? "goldens/llama" : "goldens/" + name.toStdString(), [&](Json& config) {
            config[key.toStdString()] = Json::parse(value.toStdString());
            if (derived)
                config.erase("head_dim");
        });
        const std::string message = errorOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.starts_with("BadFile: "), message.c_str());
        QVERIFY2(message.find(says.toStdString()) != std::string::npos, message.c_str());
    }

    void whatIsNotKnownIsNamed_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("says");
        QTest::newRow("architecture") << "model_type" << "\"gpt_neox\"" << "known are llama, mistral, qwen2, qwen3, opt, bloom";
        QTest::newRow("scaling") << "rope_scaling" << "{\"rope_type\": \"su\", \"factor\": 4.0}" << "su";
        QTest::newRow("activation") << "hidden_act" << "\"quick_gelu\"" << "quick_gelu";
        QTest::newRow("partial rotation") << "partial_rotary_factor" << "0.5" << "partial_rotary_factor";
        QTest::newRow("quantized already") << "quantization_config" << "{\"quant_method\": \"gptq\"}" << "gptq";
    }
    void whatIsNotKnownIsNamed()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, says);
        const golden::Copy copy("goldens/llama", [&](Json& config) { config[key.toStdString()] = Json::parse(value.toStdString()); });
        const std::string message = errorOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.starts_with("Unsupported: "), message.c_str());
        QVERIFY2(message.find(says.toStdString()) != std::string::npos, message.c_str());
    }

    void bloomWithoutSomeOfItsBiasesIsRefused()
    {
        for (const auto& [parts, slow] : {std::pair{2, true}, std::pair{1, true}, std::pair{2, false}}) {
            const golden::Copy copy("goldens/bloom", [&, parts = parts, slow = slow](Json& config) {
                config["pretraining_tp"] = parts;
                config["slow_but_exact"] = slow;
            });
            const std::string message = errorOf([&] { Model::open(copy.path()); });
            QCOMPARE(message.find("\"slow_but_exact\" is true") != std::string::npos, parts == 2 && slow);
            QCOMPARE(message.empty(), parts == 1 || !slow);
        }
    }

    void missingTensorIsNamedWithItsShape()
    {
        const golden::Copy copy("goldens/llama");
        rewrite(copy, [](const TensorToWrite& tensor) { return tensor.name != "model.layers.1.mlp.up_proj.weight"; });
        const std::string message = errorOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.starts_with("BadFile: "), message.c_str());
        QVERIFY2(message.find("\"model.layers.1.mlp.up_proj.weight\" of shape [48, 32] is missing") != std::string::npos, message.c_str());
    }

    void wrongShapeIsNamedWithBoth()
    {
        const golden::Copy copy("goldens/llama");
        rewrite(copy, [](TensorToWrite& tensor) {
            if (tensor.name == "model.layers.0.self_attn.k_proj.weight")
                std::swap(tensor.shape[0], tensor.shape[1]);
            return true;
        });
        const std::string message = errorOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.starts_with("BadFile: /") && message.find("/model.safetensors: tensor \"model.layers.0.self_attn.k_proj.weight\" has shape [32, 16]") != std::string::npos, message.c_str());
        QVERIFY2(message.find("[16, 32]") != std::string::npos, message.c_str());
    }

    void integersAreNoWeights()
    {
        const golden::Copy copy("goldens/llama");
        rewrite(copy, [](TensorToWrite& tensor) {
            if (tensor.name == "model.layers.0.self_attn.q_proj.weight") {
                tensor.dtype = DType::I8;
                tensor.fill = [] { return std::vector<std::byte>(32 * 32); };
            }
            return true;
        });
        const std::string message = errorOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.starts_with("BadFile: "), message.c_str());
        QVERIFY2(message.find("model.layers.0.self_attn.q_proj.weight\" is stored as I8") != std::string::npos, message.c_str());
    }

    void tensorNamesWithoutTheFamilyPrefixOpenToo()
    {
        const golden::Copy copy("goldens/bloom");
        rewrite(copy, [](TensorToWrite& tensor) {
            tensor.name = tensor.name.substr(std::string("transformer.").size());
            return true;
        });
        const golden::Golden expected = golden::read(copy.path());
        const auto model = Model::open(copy.path());
        QVERIFY(golden::difference(golden::logits(*model, expected.ids), expected.logits) < 2e-5);
        QCOMPARE(model->linears().front().name, std::string("transformer.h.0.self_attention.query_key_value"));
    }

    void tokensOutsideTheVocabularyAreRefused()
    {
        const auto model = Model::open(golden::data("goldens/opt"));
        const auto embed = [&](std::vector<std::vector<std::int32_t>> ids) { return errorOf([&] { model->embed(ids); }); };
        QVERIFY(embed({{1, 80}}).find("token id 80 is outside the model's vocabulary of 80") != std::string::npos);
        QVERIFY(embed({{1, -1}}).find("-1") != std::string::npos);
        QVERIFY(embed({{1, 2}, {1}}).find("one batch") != std::string::npos);
        QVERIFY(embed({}).find("no tokens") != std::string::npos);
        QVERIFY(embed({std::vector<std::int32_t>(49, 1)}).find("48 positions") != std::string::npos);
        QVERIFY(embed({std::vector<std::int32_t>(48, 1)}).empty());
    }

    void linearsAndSitesDescribeTheModel()
    {
        const ModelDescription description = describeModel(golden::data("goldens/llama-biases"));
        QCOMPARE(description.format, std::string("Hugging Face folder"));
        QCOMPARE(description.config.architecture, std::string("llama"));
        QCOMPARE(description.config.storedDtype, std::string("F16"));
        QCOMPARE(description.linears.size(), std::size_t{14});
        const LinearInfo& k = description.linears[1];
        QCOMPARE(k.name, std::string("model.layers.0.self_attn.k_proj"));
        QCOMPARE(k.out, std::int64_t{24});
        QCOMPARE(k.in, std::int64_t{32});
        QVERIFY(k.bias);
        QCOMPARE(k.dtype, std::string("F16"));
        QCOMPARE(description.sites.size(), std::size_t{8});
        QCOMPARE(description.sites[5].name, std::string("model.layers.1.attn_out"));
        QCOMPARE(description.sites[5].channels, std::int64_t{48});
        QCOMPARE(description.sites[6].linears, (std::vector<std::string>{"model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj"}));
        std::int64_t parameters = 0;
        const auto checkpoint = Checkpoint::open(golden::data("goldens/llama-biases"));
        for (const TensorInfo& tensor : checkpoint->tensors())
            parameters += tensor.elements();
        QCOMPARE(description.parameters, parameters);
        QVERIFY(description.bytes > 0);
        QVERIFY(!description.coarseGrid);
    }

    void tiedEmbeddingsCountOnce()
    {
        const auto model = Model::open(golden::data("goldens/llama-tied"));
        QVERIFY(model->config().tiedEmbeddings);
        for (const Model::NamedShape& tensor : model->tensors())
            QVERIFY(tensor.name != "lm_head.weight");
        QCOMPARE(Model::open(golden::data("goldens/llama"))->parameters() - model->parameters(), std::int64_t{80 * 32});
    }

    void configMadeFromGgufOpensTheSameModel_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama", "qwen2", "qwen3", "bloom"})
            QTest::addRow("%s", name) << name;
    }
    void configMadeFromGgufOpensTheSameModel()
    {
        QFETCH(QString, name);
        const Json made = Model::open(golden::data("goldens/" + name.toStdString() + ".gguf"))->huggingFaceConfig();
        const golden::Copy copy("goldens/" + name.toStdString(), [&](Json& config) { config = made; });
        const golden::Golden expected = golden::read(copy.path());
        QVERIFY(golden::difference(golden::logits(*Model::open(copy.path()), expected.ids), expected.logits) < 2e-5);
        QCOMPARE(made.at("bos_token_id").get<int>(), 1);
        if (name == "llama") {
            QCOMPARE(Json(made.at("rms_norm_eps")).dump(), std::string("1e-06"));
            QCOMPARE(made.at("architectures").dump(), std::string("[\"LlamaForCausalLM\"]"));
        }
    }

    void scalingThatNoConfigCanNameIsRefused()
    {
        // These frequencies come from a context of 64 positions; config.json could only say Llama 3's 8192.
        const auto model = Model::open(golden::data("goldens/llama-llama3-rope.gguf"));
        const std::string message = errorOf([&] { (void)model->huggingFaceConfig(); });
        QVERIFY2(message.starts_with("Unsupported: ") && message.find("rope_freqs") != std::string::npos, message.c_str());
    }

    void ggufVocabularyIsRead()
    {
        const std::optional<GgufVocabulary> vocabulary = Model::open(golden::data("goldens/llama.gguf"))->ggufVocabulary();
        QVERIFY(vocabulary);
        QCOMPARE(vocabulary->model, std::string("gpt2"));
        QCOMPARE(vocabulary->pre, std::string("smollm"));
        QCOMPARE(vocabulary->tokens.size(), std::size_t{80});
        QCOMPARE(vocabulary->tokens[5], std::string("&"));
        QCOMPARE(vocabulary->types[0], 3);
        QCOMPARE(vocabulary->merges, (std::vector<std::string>{"$ %", "& '"}));
        QCOMPARE(vocabulary->bos, 1);
        QCOMPARE(vocabulary->eos, 2);
        QCOMPARE(vocabulary->unk, -1);
        QVERIFY(vocabulary->addBos && !*vocabulary->addBos);
        QVERIFY(!vocabulary->addEos);   // the file is silent about it
        QVERIFY(!Model::open(golden::data("goldens/llama"))->ggufVocabulary());
    }

    void everyArchitectureIsListedOnce()
    {
        std::vector<std::string> ids;
        for (const ArchitectureInfo& info : architectures())
            ids.push_back(info.id);
        QCOMPARE(ids, (std::vector<std::string>{"llama", "mistral", "qwen2", "qwen3", "opt", "bloom"}));
    }
};

QTEST_APPLESS_MAIN(ModelTest)
#include "tst_model.moc"
