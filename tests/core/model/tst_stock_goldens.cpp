#include "golden.h"
#include "gguf_copy.h"

#include "core/base/error.h"
#include "core/checkpoint/safetensors_writer.h"

#include <QtTest>

#include <algorithm>
#include <cstring>

using namespace halftone;

namespace {

std::string messageOf(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

double differenceFrom(const std::filesystem::path& model, const std::string& name)
{
    const golden::Golden expected = golden::read(golden::data("goldens/" + name));
    return golden::difference(golden::logits(*Model::open(model), expected.ids), expected.logits);
}

/// Rewrites the weights of a copy: each tensor through `change`, which may rename it, or leave it out by returning false; then `more`.
void rewrite(const golden::Copy& copy, const std::function<bool(TensorToWrite&)>& change, const std::vector<TensorToWrite>& more = {})
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
    tensors.insert(tensors.end(), more.begin(), more.end());
    writeSafetensors(copy.path(), tensors);
}

TensorToWrite filled(const std::string& name, DType type, std::vector<std::int64_t> shape, std::size_t bytes)
{
    return {name, type, std::move(shape), [bytes] { return std::vector<std::byte>(bytes, std::byte{1}); }};
}

std::string notesOf(const Model& model)
{
    std::string all;
    for (const std::string& note : model.notes())
        all += note + "\n";
    return all;
}

constexpr double kSame = 2e-5;   // float32 sums in another order

} // namespace

/// Configs and tensors out of the ordinary, held against what the stock loader makes of them.
class StockGoldensTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void logitsAreThoseOfTheStockLoader_data()
    {
        QTest::addColumn<QString>("file");
        for (const auto& entry : std::filesystem::directory_iterator(golden::data("stock")))
            if (entry.path().extension() == ".json")
                QTest::addRow("%s", entry.path().stem().c_str()) << QString::fromStdString(entry.path().string());
    }
    void logitsAreThoseOfTheStockLoader()
    {
        QFETCH(QString, file);
        const Json golden = readJsonFile(file.toStdString());
        const golden::Copy copy("goldens/" + golden.at("base").get<std::string>(), [&](Json& config) {
            for (const auto& [key, value] : golden.at("config").items()) {
                if (value.is_null())
                    config.erase(key);
                else if (value.is_string())
                    config[key] = nullptr;
                else
                    config[key] = value;
            }
        });
        const std::vector<std::vector<std::int32_t>> ids{golden.at("ids").get<std::vector<std::int32_t>>()};
        const auto rows = golden.at("logits").get<std::vector<std::vector<float>>>();
        at::Tensor expected = at::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())}, at::kFloat);
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy(rows[i].begin(), rows[i].end(), expected.mutable_data_ptr<float>() + i * rows[i].size());
        const at::Tensor found = golden::logits(*Model::open(copy.path()), ids);
        const double difference = golden::difference(found.narrow(0, found.size(0) - expected.size(0), expected.size(0)), expected);
        QVERIFY2(difference < kSame, qPrintable(QString::number(difference)));
    }

    void aHeadThatIsStoredCounts()
    {
        const golden::Copy copy("goldens/llama", [](Json& config) { config["tie_word_embeddings"] = true; });
        QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
        const auto model = Model::open(copy.path());
        QVERIFY(!model->config().tiedEmbeddings);
        QVERIFY2(notesOf(*model).find("lm_head.weight is stored and differs") != std::string::npos, notesOf(*model).c_str());
    }

    void aMatrixStoredUnderTheHeadsNameIsTheEmbeddingToo()
    {
        const golden::Copy copy("goldens/llama-tied");
        rewrite(copy, [](TensorToWrite& tensor) {
            if (tensor.name == "model.embed_tokens.weight")
                tensor.name = "lm_head.weight";
            return true;
        });
        QVERIFY(differenceFrom(copy.path(), "llama-tied") < kSame);
        QVERIFY(Model::open(copy.path())->config().tiedEmbeddings);
    }

    void anEqualHeadIsNoOddity()
    {
        const golden::Copy copy("goldens/llama-tied");
        std::vector<TensorToWrite> head;
        {
            const auto checkpoint = Checkpoint::open(copy.path());
            const TensorInfo& embedding = checkpoint->at("model.embed_tokens.weight");
            head.push_back({"lm_head.weight", embedding.dtype, embedding.shape, [raw = checkpoint->readRaw(embedding)] { return raw; }});
        }
        rewrite(copy, [](TensorToWrite&) { return true; }, head);
        QVERIFY(differenceFrom(copy.path(), "llama-tied") < kSame);
        QCOMPARE(notesOf(*Model::open(copy.path())), std::string());
    }

    void namesAreFoundAsTheStockLoaderFindsThem_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("take");
        QTest::addColumn<QString>("put");
        QTest::newRow("without the base model's prefix") << "llama" << "model." << "";
        QTest::newRow("with one prefix more") << "llama" << "" << "model.";
        QTest::newRow("BLOOM without its prefix") << "bloom" << "transformer." << "";
        QTest::newRow("OPT without its prefix") << "opt" << "model." << "";
    }
    void namesAreFoundAsTheStockLoaderFindsThem()
    {
        QFETCH(QString, name);
        QFETCH(QString, take);
        QFETCH(QString, put);
        const golden::Copy copy("goldens/" + name.toStdString());
        rewrite(copy, [&](TensorToWrite& tensor) {
            if (tensor.name.starts_with(take.toStdString()))
                tensor.name = put.toStdString() + tensor.name.substr(static_cast<std::size_t>(take.size()));
            return true;
        });
        QVERIFY(differenceFrom(copy.path(), name.toStdString()) < kSame);
    }

    void aDecoderWithoutAHeadGivesNoLogits()
    {
        const golden::Copy copy("goldens/llama", [](Json& config) { config["architectures"] = {"LlamaModel"}; });
        rewrite(copy, [](TensorToWrite& tensor) {
            if (tensor.name.starts_with("model."))
                tensor.name = tensor.name.substr(6);
            return tensor.name != "lm_head.weight";
        });
        const auto model = Model::open(copy.path());
        QVERIFY(!model->config().head);
        QVERIFY2(notesOf(*model).find("without a head") != std::string::npos, notesOf(*model).c_str());
        QCOMPARE(model->linears().size(), std::size_t(14));
        const golden::Golden expected = golden::read(golden::data("goldens/llama"));
        QVERIFY2(messageOf([&] { golden::logits(*model, expected.ids); }).find("has no head") != std::string::npos, "logits came from nowhere");
        const golden::Copy tied("goldens/llama-tied");   // tied by the config, a decoder saved alone is whole
        rewrite(tied, [](TensorToWrite& tensor) {
            tensor.name = tensor.name.substr(6);
            return true;
        });
        QVERIFY(differenceFrom(tied.path(), "llama-tied") < kSame);
    }

    void tensorsThatNobodyNeedsMayBeAnything()
    {
        const golden::Copy copy("goldens/llama");
        rewrite(copy, [](TensorToWrite&) { return true; },
                {filled("model.layers.0.self_attn.k_scale", DType::U16, {4}, 8), filled("extra.f8", DType::F8_E8M0, {5}, 5), filled("extra.bool", DType::Bool, {3}, 3),
                 filled("model.layers.0.self_attn.q_proj.bias", DType::F32, {32}, 128), filled("model.layers.0.self_attn.rotary_emb.inv_freq", DType::F32, {4}, 16)});
        QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
        const std::string notes = notesOf(*Model::open(copy.path()));
        QVERIFY2(notes.find("and 3 more tensors are stored but not read") != std::string::npos, notes.c_str());
    }

    void float64WeightsAreWeights()
    {
        const golden::Copy copy("goldens/llama");
        std::vector<TensorToWrite> wide;
        {
            const auto checkpoint = Checkpoint::open(copy.path());
            for (const TensorInfo& info : checkpoint->tensors()) {
                const std::vector<float> values = checkpoint->readFloats(info);
                const std::vector<double> doubles(values.begin(), values.end());
                std::vector<std::byte> bytes(doubles.size() * 8);
                std::memcpy(bytes.data(), doubles.data(), bytes.size());
                wide.push_back({info.name, DType::F64, info.shape, [bytes] { return bytes; }});
            }
        }
        writeSafetensors(copy.path(), wide);
        QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
    }

    void theIndexNamesAMissingShardOnlyWhereItIsMissed()
    {
        const golden::Copy copy("goldens/llama-sharded");
        const auto withIndex = [&](const std::function<void(Json& map)>& edit) {
            Json index = readJsonFile(golden::data("goldens/llama-sharded") / "model.safetensors.index.json");
            edit(index["weight_map"]);
            copy.write("model.safetensors.index.json", index.dump());
        };
        withIndex([](Json& map) {
            map["mtp.fc.weight"] = "model-00009-of-00009.safetensors";
            for (Json& shard : map)
                shard = "./" + shard.get<std::string>();
        });
        QVERIFY(differenceFrom(copy.path(), "llama-tied") < kSame);
        withIndex([](Json& map) { map.erase("model.norm.weight"); });
        QVERIFY(differenceFrom(copy.path(), "llama-tied") < kSame);
        std::filesystem::remove(copy.path() / "model-00002-of-00003.safetensors");
        const std::string message = messageOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.find("model-00002-of-00003.safetensors, where model.safetensors.index.json says it lies, is missing") != std::string::npos, message.c_str());
    }

    void arithmeticOfOtherFamiliesIsRefusedByName_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<bool>("refused");
        const auto row = [](const char* key, const char* value, bool refused) { QTest::addRow("%s %s", key, value) << key << value << refused; };
        row("final_logit_softcapping", "30.0", true);
        row("final_logit_softcapping", "null", false);
        row("attention_multiplier", "0.0078125", true);
        row("attention_multiplier", "0.35355339059327", false);   // 1 / sqrt(8), which is the head's
        row("logits_scaling", "8.0", true);
        row("logits_scaling", "1.0", false);
        row("num_experts", "8", true);
        row("num_experts", "0", false);
        row("per_layer_config", R"({"1": {"rms_norm_eps": 1.0}})", true);
        row("layer_types", R"(["sliding_attention", "full_attention"])", true);
        row("layer_types", R"(["linear_attention", "full_attention"])", true);
        row("layer_types", R"(["full_attention", "full_attention"])", false);
        row("mlp_layer_types", R"(["dense", "sparse"])", true);
        row("rope_scaling", R"({"rope_type": "proportional", "factor": 2.0})", true);
        row("rope_scaling", R"({"rope_type": "linear", "factor": 1.0, "unheard_of": 2.0})", true);
        row("rope_scaling", R"({"rope_type": "default", "factor": 3.0})", false);
        row("time_step_limit", "[0.0, 1e400]", false);
    }
    void arithmeticOfOtherFamiliesIsRefusedByName()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(bool, refused);
        const golden::Copy copy("goldens/llama");
        std::string config = readJsonFile(copy.path() / "config.json").dump();
        std::string text = value.toStdString();
        if (const auto at = text.find("1e400"); at != std::string::npos)
            text.replace(at, 5, "Infinity");
        config.back() = ',';
        copy.write("config.json", config + "\"" + key.toStdString() + "\":" + text + "}");   // of a doubled key the last counts
        if (!refused) {
            QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
            return;
        }
        const std::string message = messageOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.find(key == QLatin1String("rope_scaling") ? "rope_scaling" : key.toStdString()) != std::string::npos, message.c_str());
    }

    void biasesOfAGgufCount()
    {
        QVERIFY(differenceFrom(golden::data("stock/llama-biases.gguf"), "llama-biases") < kSame);
        const auto model = Model::open(golden::data("stock/llama-biases.gguf"));
        QVERIFY(model->huggingFaceConfig()["attention_bias"].get<bool>());
        QVERIFY(model->huggingFaceConfig()["mlp_bias"].get<bool>());
        // A bias that only some linears have: the others' are zero, so that a config.json can say it.
        const golden::GgufCopy copy(golden::data("goldens/llama.gguf"), [](Json&, std::vector<golden::GgufCopy::Tensor>& tensors) {
            tensors.push_back(golden::GgufCopy::floats("blk.1.attn_q.bias", {32}, 0));
        });
        QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
        const auto some = Model::open(copy.path());
        QVERIFY(some->weight("model.layers.0.self_attn.o_proj.bias").abs().max().item<float>() == 0);
        const auto names = some->tensors();
        QCOMPARE(std::count_if(names.begin(), names.end(), [](const auto& tensor) { return tensor.name.ends_with(".bias"); }), 8);
    }

    void tensorsOfAGgufAreUsedOrRefusedByName_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("tensor");
        for (const char* tensor : {"blk.0.attn_norm.bias", "output_norm.bias", "blk.0.attn_q.scale", "blk.1.ffn_down.input_scale", "blk.0.attn_q_norm.weight", "output.bias",
                                   "rope_factors_long.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_sinks.weight", "blk.7.attn_q.weight", "per_layer_token_embd.weight"})
            QTest::addRow("llama %s", tensor) << "llama" << tensor;
        for (const char* tensor : {"blk.0.ffn_up.bias", "blk.1.attn_output.bias"})
            QTest::addRow("qwen2 %s", tensor) << "qwen2" << tensor;
        QTest::newRow("qwen3") << "qwen3" << "blk.0.ffn_up.bias";
        QTest::newRow("bloom") << "bloom" << "rope_freqs.weight";
    }
    void tensorsOfAGgufAreUsedOrRefusedByName()
    {
        QFETCH(QString, model);
        QFETCH(QString, tensor);
        const golden::GgufCopy copy(golden::data("goldens/" + model.toStdString() + ".gguf"), [&](Json&, std::vector<golden::GgufCopy::Tensor>& tensors) {
            tensors.push_back(golden::GgufCopy::floats(tensor.toStdString(), {32}, 1));
        });
        const std::string message = messageOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.find("tensor \"" + tensor.toStdString() + "\" has no place") != std::string::npos, message.c_str());
    }

    void keysOfAGgufAreUsedOrRefusedByName_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<bool>("refused");
        const auto row = [](const char* key, const char* value, bool refused) { QTest::addRow("%s %s", key, value) << key << value << refused; };
        row("attn_logit_softcapping", "50.0", true);
        row("final_logit_softcapping", "30.0", true);
        row("final_logit_softcapping", "0.0", false);
        row("logit_scale", "0.5", true);
        row("logit_scale", "1.0", false);
        row("residual_scale", "0.22", true);
        row("embedding_scale", "12.0", true);
        row("attention.scale", "0.1", true);
        row("attention.scale", "0.35355339059327373", false);
        row("attention.clamp_kqv", "8.0", true);
        row("attention.max_alibi_bias", "8.0", true);
        row("attention.causal", "false", true);
        row("attention.causal", "true", false);
        row("attention.layer_norm_epsilon", "1e-5", true);
        row("attention.value_length", "4", true);
        row("use_parallel_residual", "true", true);
        row("use_parallel_residual", "false", false);
        row("expert_count", "8", true);
        row("expert_used_count", "2", true);
        row("expert_count", "0", false);
        row("rope.dimension_count", "4", true);
        row("rope.scaling.type", "\"longrope\"", true);
        row("rope.scaling.attn_factor", "1.2", true);
        row("rope.scaling.alpha", "1000.0", true);
        row("rope.freq_base_swa", "10000.0", true);
        row("attention.sliding_window_pattern", "6", true);
        row("attention.head_count_kv", "[2, 2]", false);
        row("attention.head_count_kv", "[2, 1]", true);
        row("something.new", "1", true);
        row("vocab_size", "80", false);
        row("rope.scaling.finetuned", "true", false);
    }
    void keysOfAGgufAreUsedOrRefusedByName()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(bool, refused);
        const std::string name = "llama." + key.toStdString();
        const golden::GgufCopy copy(golden::data("goldens/llama.gguf"),
                                    [&](Json& keys, std::vector<golden::GgufCopy::Tensor>&) { keys[name] = Json::parse(value.toStdString()); });
        if (!refused) {
            QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
            return;
        }
        const std::string message = messageOf([&] { Model::open(copy.path()); });
        QVERIFY2(message.find("\"" + name + "\"") != std::string::npos, message.c_str());
    }

    void otherKeysOfAGgufHarmNobody()
    {
        const golden::GgufCopy copy(golden::data("goldens/llama.gguf"), [&](Json& keys, std::vector<golden::GgufCopy::Tensor>&) {
            for (const char* key : {"general.something", "tokenizer.ggml.something", "quantize.imatrix.entries_count", "mradermacher.convert_type"})
                keys[key] = 1;
        });
        QVERIFY(differenceFrom(copy.path(), "llama") < kSame);
        const golden::GgufCopy adapter(golden::data("goldens/llama.gguf"), [&](Json& keys, std::vector<golden::GgufCopy::Tensor>&) { keys["general.type"] = "adapter"; });
        QVERIFY(messageOf([&] { Model::open(adapter.path()); }).find("general.type") != std::string::npos);
    }

    void scalingOfAGgufIsThatOfItsTwin_data()
    {
        QTest::addColumn<QString>("keys");
        QTest::addColumn<QString>("rope");
        QTest::newRow("yarn") << R"({"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16})"
                              << R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16})";
        QTest::newRow("yarn's bounds") << R"({"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16, "rope.scaling.yarn_beta_fast": 6.0,
                                              "rope.scaling.yarn_beta_slow": 2.0})"
                                       << R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 6, "beta_slow": 2})";
        QTest::newRow("yarn's magnitudes") << R"({"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16,
                                                  "rope.scaling.yarn_log_multiplier": 0.7})"
                                           << R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 0.7})";
        QTest::newRow("yarn's attention factor") << R"({"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16,
                                                        "rope.scaling.attn_factor": 0.5})"
                                                 << R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "attention_factor": 0.5693147180559945})";
        QTest::newRow("linear") << R"({"rope.scaling.type": "linear", "rope.scaling.factor": 3.0})" << R"({"rope_type": "linear", "factor": 3.0})";
        QTest::newRow("linear of old") << R"({"rope.scale_linear": 3.0})" << R"({"rope_type": "linear", "factor": 3.0})";
        QTest::newRow("none") << R"({"rope.scaling.type": "none", "rope.scaling.factor": 3.0})" << R"({"rope_type": "default"})";
    }
    void scalingOfAGgufIsThatOfItsTwin()
    {
        QFETCH(QString, keys);
        QFETCH(QString, rope);
        const golden::GgufCopy gguf(golden::data("goldens/llama.gguf"), [&](Json& values, std::vector<golden::GgufCopy::Tensor>&) {
            const Json more = Json::parse(keys.toStdString());
            for (auto value = more.begin(); value != more.end(); ++value)
                values["llama." + value.key()] = *value;
        });
        const golden::Copy folder("goldens/llama", [&](Json& config) { config["rope_scaling"] = Json::parse(rope.toStdString()); });
        const golden::Golden golden = golden::read(golden::data("goldens/llama"));
        const at::Tensor expected = golden::logits(*Model::open(folder.path()), golden.ids);
        const auto model = Model::open(gguf.path());
        QVERIFY(golden::difference(golden::logits(*model, golden.ids), expected) < kSame);
        // What an export would say of it means the same.
        const Json config = model->huggingFaceConfig();
        const golden::Copy exported("goldens/llama", [&](Json& own) { own["rope_scaling"] = config["rope_scaling"]; });
        QVERIFY(golden::difference(golden::logits(*Model::open(exported.path()), golden.ids), expected) < kSame);
    }

    void aWindowOfAGgufIsExportedAsMistral()
    {
        const golden::GgufCopy gguf(golden::data("goldens/llama.gguf"), [&](Json& keys, std::vector<golden::GgufCopy::Tensor>&) { keys["llama.attention.sliding_window"] = 7; });
        const auto model = Model::open(gguf.path());
        const Json config = model->huggingFaceConfig();
        QCOMPARE(config["model_type"].get<std::string>(), std::string("mistral"));
        const golden::Copy exported("goldens/llama", [&](Json& own) { own = config; });
        const golden::Golden golden = golden::read(golden::data("goldens/llama"));
        const at::Tensor windowed = golden::logits(*model, golden.ids);
        QVERIFY(golden::difference(golden::logits(*Model::open(exported.path()), golden.ids), windowed) < kSame);
        QVERIFY(golden::difference(windowed, golden.logits) > 1e-3);
    }
};

QTEST_APPLESS_MAIN(StockGoldensTest)
#include "tst_stock_goldens.moc"
