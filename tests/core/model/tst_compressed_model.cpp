#include "golden.h"

#include "core/base/error.h"
#include "core/model/compressed_model.h"

#include <QtTest>

using namespace halftone;

class CompressedModelTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void logitsAreThoseOfTheStockLoader_data()
    {
        QTest::addColumn<QString>("name");
        for (const auto& folder : std::filesystem::directory_iterator(golden::data("compressed")))
            QTest::addRow("%s", folder.path().filename().c_str()) << QString::fromStdString(folder.path().filename().string());
    }
    void logitsAreThoseOfTheStockLoader()
    {
        QFETCH(QString, name);
        const std::filesystem::path folder = golden::data("compressed/" + name.toStdString());
        QVERIFY(isCompressedTensors(folder));
        const golden::Golden expected = golden::read(folder);
        const double difference = golden::difference(golden::logits(*openCompressedTensors(folder), expected.ids), expected.logits);
        // Weights are exact, so weight-only differs by float32 sums alone. A rounded activation that lies on a boundary may fall on either side.
        const double limit = name.contains("a8") || name == "mixed" ? 2e-3 : 2e-5;
        QVERIFY2(difference < limit, qPrintable(QString::number(difference)));
        const golden::Golden plain = golden::read(golden::data("goldens/llama"));
        QVERIFY2(golden::difference(expected.logits, plain.logits) > 10 * limit, "the golden hardly differs from the float model");
    }

    void floatFoldersAreNotCompressed()
    {
        QVERIFY(!isCompressedTensors(golden::data("goldens/llama")));
        QVERIFY(!isCompressedTensors(golden::data("goldens/llama.gguf")));
        QVERIFY(!isCompressedTensors(golden::data("nowhere")));
    }

    void whatCannotBeServedIsNamed_data()
    {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* title, const char* pointer, const char* value, const char* says) { QTest::newRow(title) << pointer << value << says; };
        row("format", "/format", "\"marlin-24\"", "marlin-24");
        row("float type", "/config_groups/group_0/weights/type", "\"float\"", "float");
        row("bits", "/config_groups/group_0/weights/num_bits", "1", "num_bits");
        row("absurd bits", "/config_groups/group_0/weights/num_bits", "4000", "num_bits");
        row("block strategy", "/config_groups/group_0/weights/strategy", "\"block\"", "block");
        row("stored order", "/config_groups/group_0/weights/actorder", "\"group\"", "actorder");
        row("outputs", "/config_groups/group_0/output_activations", "{\"num_bits\": 8}", "output_activations");
        row("KV cache", "/kv_cache_scheme", "{\"num_bits\": 8}", "kv_cache_scheme");
        row("static token", "/config_groups/group_0/input_activations", "{\"num_bits\": 8, \"strategy\": \"token\", \"dynamic\": false}", "strategy");
        row("head", "/ignore", "[]", "lm_head");
        row("group that does not divide", "/config_groups/group_0/weights/group_size", "20", "20");
        row("other group", "/config_groups/group_0/weights/group_size", "8", "weight_scale");
        row("other width", "/config_groups/group_0/weights/num_bits", "8", "weight_packed");
        row("zero points that are not there", "/config_groups/group_0/weights/symmetric", "false", "weight_zero_point");
        row("broken pattern", "/config_groups/group_0/targets", "[\"re:(\"]", "broken");
        row("hostile pattern", "/config_groups/group_0/targets", "[\"re:(((((.+)+)+)+)+)+[!?]\"]", "too long");
        row("uncompressed", "/quantization_status", "\"frozen\"", "frozen");
    }
    void whatCannotBeServedIsNamed()
    {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        QFETCH(QString, says);
        const golden::Copy copy("compressed/w4-group", [&](Json& config) {
            config.at("quantization_config")[Json::json_pointer(pointer.toStdString())] = Json::parse(value.toStdString());
            if (pointer == "/format")
                config.at("quantization_config").at("config_groups").at("group_0").erase("format");
        });
        try {
            openCompressedTensors(copy.path());
            QFAIL("opened");
        } catch (const Error& error) {
            QVERIFY2(error.kind() == ErrorKind::Unsupported || error.kind() == ErrorKind::BadFile, error.what());
            QVERIFY2(std::string(error.what()).find(says.toStdString()) != std::string::npos, error.what());
        }
    }

    void ignoredLinearsStayFloat()
    {
        const auto mixed = openCompressedTensors(golden::data("compressed/mixed"));
        const auto plain = Model::open(golden::data("goldens/llama"));
        DecoderBlock block = mixed->block(1);
        QVERIFY(at::equal(block.linear("v_proj").weight, plain->weight("model.layers.1.self_attn.v_proj.weight").to(at::kBFloat16).to(at::kFloat)));
        QVERIFY(!block.linear("v_proj").input);
        QVERIFY(block.linear("q_proj").input);
        QVERIFY(block.linear("q_proj").input == block.linear("k_proj").input);
        QVERIFY(!block.linear("o_proj").input);   // its exact name goes before the pattern that rounds inputs
    }
};

QTEST_APPLESS_MAIN(CompressedModelTest)
#include "tst_compressed_model.moc"
