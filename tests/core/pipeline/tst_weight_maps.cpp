#include "core/base/error.h"
#include "core/model/model.h"
#include "core/pipeline/weight_maps.h"
#include "core/project/quantized_model.h"
#include "tiny_model.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QtTest>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>

using namespace halftone;
using namespace halftone::testing;

namespace {

constexpr const char* kLinear = "model.layers.1.mlp.down_proj";

/// The tensor's values straight from the safetensors file: 8 bytes of header length, a JSON header, then the data.
std::vector<float> valuesInFile(const std::string& tensor)
{
    std::ifstream file(tinyLlama() / "model.safetensors", std::ios::binary);
    std::uint64_t length = 0;
    file.read(reinterpret_cast<char*>(&length), 8);
    QByteArray header(static_cast<qsizetype>(length), '\0');
    file.read(header.data(), static_cast<std::streamsize>(length));
    const QJsonObject entry = QJsonDocument::fromJson(header).object()[QString::fromStdString(tensor)].toObject();
    const QJsonArray offsets = entry["data_offsets"].toArray();
    const auto begin = static_cast<std::int64_t>(offsets[0].toDouble()), end = static_cast<std::int64_t>(offsets[1].toDouble());
    file.seekg(8 + static_cast<std::int64_t>(length) + begin);
    std::vector<float> values;
    if (entry["dtype"].toString() == "F32") {
        values.resize(static_cast<std::size_t>((end - begin) / 4));
        file.read(reinterpret_cast<char*>(values.data()), end - begin);
    } else if (entry["dtype"].toString() == "BF16") {
        for (std::int64_t i = begin; i < end; i += 2) {
            std::uint16_t half = 0;
            file.read(reinterpret_cast<char*>(&half), 2);
            const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
            float value = 0;
            std::memcpy(&value, &bits, 4);
            values.push_back(value);
        }
    }
    return values;
}

double rms(const std::vector<double>& values)
{
    double sum = 0;
    for (const double v : values)
        sum += v * v;
    return std::sqrt(sum / static_cast<double>(values.size()));
}

} // namespace

class TestWeightMaps : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theWeightIsTheFilesOwn()
    {
        WeightMaps maps(tinyLlama());
        const WeightMap map = maps.rounded(kLinear, WeightGrid{}, {});
        const std::vector<float> expected = valuesInFile(std::string(kLinear) + ".weight");
        QVERIFY(expected.size() > 1000);
        QCOMPARE(map.rows * map.columns, static_cast<std::int64_t>(expected.size()));
        QVERIFY(*map.weight == expected);
        QCOMPARE(map.at(3, 5), expected[static_cast<std::size_t>(3 * map.columns + 5)]);
        QVERIFY(!map.quantized && !map.inSteps && map.note.empty());
        QCOMPARE(std::accumulate(map.counts.begin(), map.counts.end(), std::int64_t{0}), map.rows * map.columns);
        QVERIFY_THROWS_EXCEPTION(Error, maps.rounded("model.layers.99.mlp.down_proj", WeightGrid{}, {}));
    }

    void roundedIsWhatTheGridSays_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::newRow("4 bits, groups") << 4 << 32 << true;
        QTest::newRow("8 bits, per channel") << 8 << 0 << true;
        QTest::newRow("3 bits, asymmetric groups") << 3 << 32 << false;
    }
    void roundedIsWhatTheGridSays()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        WeightGrid grid;
        grid.bits = bits;
        grid.group = group;
        grid.symmetric = symmetric;
        const WeightMap map = WeightMaps(tinyLlama()).rounded(kLinear, grid, {});
        const at::NoGradGuard noGrad;
        const at::Tensor weight = Model::open(tinyLlama())->weight(std::string(kLinear) + ".weight");
        const at::Tensor expected = quantizeToNearest(weight, grid).dequantize();
        QVERIFY(std::equal(map.quantized->begin(), map.quantized->end(), expected.const_data_ptr<float>()));
        QCOMPARE(map.groups, group > 0 ? map.columns / group : 1);
        // Errors recounted by hand, for one row, one column and one group.
        const auto error = [&](std::int64_t r, std::int64_t c) {
            return static_cast<double>((*map.quantized)[static_cast<std::size_t>(r * map.columns + c)]) - static_cast<double>(map.at(r, c));
        };
        std::vector<double> row, column, wholeGroup;
        for (std::int64_t c = 0; c < map.columns; ++c)
            row.push_back(error(7, c));
        for (std::int64_t r = 0; r < map.rows; ++r) {
            column.push_back(error(r, 11));
            for (std::int64_t c = 0; c < map.columns / map.groups; ++c)
                wholeGroup.push_back(error(r, c));
        }
        QVERIFY(std::abs(rms(row) / static_cast<double>(map.rowError[7]) - 1) < 1e-4);
        QVERIFY(std::abs(rms(column) / static_cast<double>(map.columnError[11]) - 1) < 1e-4);
        QVERIFY(std::abs(rms(wholeGroup) / static_cast<double>(map.groupError[0]) - 1) < 1e-4);
        // Every weight is in the histogram, and most within half a step of a level.
        QVERIFY(map.inSteps);
        QCOMPARE(map.levels.size(), std::size_t(1) << bits);
        QCOMPARE(std::accumulate(map.counts.begin(), map.counts.end(), std::int64_t{0}), map.rows * map.columns);
        QVERIFY(map.counts.back() < map.rows * map.columns / 2);
        QVERIFY(map.sqnrDb > 5 && map.sqnrDb < 60);
    }

    void aGridThatDoesNotFitLeavesTheWeight()
    {
        WeightGrid grid;
        grid.bits = 4;
        grid.group = 7;
        const WeightMap map = WeightMaps(tinyLlama()).rounded(kLinear, grid, {});
        QVERIFY(map.weight && !map.quantized);
        QVERIFY(!map.note.empty());
    }

    void aRunsCodesAreTheStoredOnes()
    {
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Recipe recipe = tinyRecipe(R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})",
                                         R"([{"match": "*.q_proj", "weights": {"bits": 16}}])");
        const QuantizeResult result = quantizeTiny(project, recipe);
        WeightMaps maps(tinyLlama());
        const WeightMap map = maps.ofRun(kLinear, 1, *project, result.run.id, {});
        QCOMPARE(map.method, std::string("gptq"));
        QCOMPARE(map.run, result.run.id);
        const at::NoGradGuard noGrad;
        const auto model = Model::open(tinyLlama());
        const DecoderBlock block = openRun(model, project, result.run.id)->block(1);
        bool found = false;
        for (const Linear& linear : block.linears())
            if (linear.info.name == kLinear) {
                found = true;
                QVERIFY(std::equal(map.quantized->begin(), map.quantized->end(), linear.weight.contiguous().const_data_ptr<float>()));
            }
        QVERIFY(found);
        const WeightMap nearest = maps.rounded(kLinear, map.grid, {});
        QVERIFY(*nearest.quantized != *map.quantized);           // GPTQ is not rounding to nearest
        const WeightMap left = maps.ofRun("model.layers.1.self_attn.q_proj", 1, *project, result.run.id, {});
        QVERIFY(!left.quantized && !left.note.empty());
        QVERIFY_THROWS_EXCEPTION(Error, maps.ofRun(kLinear, 0, *project, result.run.id, {}));
    }

    void itStopsWhenAsked()
    {
        std::stop_source stop;
        stop.request_stop();
        QVERIFY_THROWS_EXCEPTION(Cancelled, WeightMaps(tinyLlama()).rounded(kLinear, WeightGrid{}, stop.get_token()));
    }
};

QTEST_APPLESS_MAIN(TestWeightMaps)
#include "tst_weight_maps.moc"
