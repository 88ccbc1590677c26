#include "builders.h"

#include "core/base/half.h"
#include "core/checkpoint/safetensors_writer.h"

#include <QTemporaryDir>

#include <algorithm>
#include <cmath>
#include <random>

using namespace halftone;
using namespace builders;

class tst_coarse_grid : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;

    enum Kind { Float, Grid, Sparse, LargeZeros };

    /// A model of six linears of normally distributed weights, asymmetrically rounded to `levels` in groups of `group` (0: a row).
    fs::path make(DType type, Kind kind, int group, int levels, std::int64_t rows, std::int64_t columns) const
    {
        const fs::path folder = fs::path(m_root.path().toStdString()) / (QTest::currentDataTag() != nullptr ? QTest::currentDataTag() : "one");
        fs::create_directories(folder);
        put(folder / "config.json", "{}");
        std::vector<TensorToWrite> tensors;
        for (unsigned layer = 0; layer < 6; ++layer) {
            TensorToWrite tensor{"model.layers." + std::to_string(layer) + ".proj.weight", type, {rows, columns}, {}};
            tensor.fill = [=] {
                std::mt19937 random(layer);
                std::normal_distribution<float> normal(0.0f, 0.02f);
                std::vector<float> w(static_cast<std::size_t>(rows * columns));
                for (float& v : w)
                    v = normal(random);
                const auto length = static_cast<std::size_t>(group > 0 ? group : columns);
                for (std::size_t row = 0; row < w.size() && kind == Grid; row += static_cast<std::size_t>(columns))
                    for (std::size_t at = 0; at < static_cast<std::size_t>(columns); at += length) {
                        float* first = w.data() + row + at;
                        float* last = first + std::min(length, static_cast<std::size_t>(columns) - at);
                        const auto [low, high] = std::minmax_element(first, last);
                        const float base = *low;
                        const float step = (*high - *low) / static_cast<float>(levels - 1);
                        for (float* v = first; v != last; ++v)
                            *v = base + step * std::round((*v - base) / step);
                    }
                for (float& v : w)
                    if ((kind == Sparse && random() % 2 == 0) || (kind == LargeZeros && random() % 10 != 0))
                        v = 0;
                std::vector<std::byte> bytes;
                for (const float v : w) {
                    const std::uint16_t half = type == DType::BF16 ? bf16FromFloat(v) : f16FromFloat(v);
                    const auto* at = type == DType::F32 ? static_cast<const void*>(&v) : &half;
                    const auto* from = static_cast<const std::byte*>(at);
                    bytes.insert(bytes.end(), from, from + blockLayout(type).bytes);
                }
                return bytes;
            };
            tensors.push_back(std::move(tensor));
        }
        writeSafetensors(folder, tensors);
        return folder;
    }

private Q_SLOTS:
    void floatWeightsAreLeftAlone_data()
    {
        QTest::addColumn<int>("type");
        QTest::addColumn<int>("kind");
        QTest::addColumn<int>("columns");
        for (const auto& [name, type] : {std::pair{"f32", DType::F32}, {"f16", DType::F16}, {"bf16", DType::BF16}})
            for (const int columns : {32, 48, 576, 4096})
                for (const auto& [how, kind] : {std::pair{"dense", Float}, {"half of them zero", Sparse}, {"nearly all zero", LargeZeros}})
                    QTest::addRow("%s, %d columns, %s", name, columns, how) << int(type) << int(kind) << columns;
    }
    void floatWeightsAreLeftAlone()
    {
        QFETCH(int, type);
        QFETCH(int, kind);
        QFETCH(int, columns);
        const auto found = detectCoarseGrid(*Checkpoint::open(make(static_cast<DType>(type), static_cast<Kind>(kind), 0, 0, 32, columns)));
        if (found)
            QFAIL(qPrintable(QStringLiteral("block %1, %2 levels").arg(found->blockSize).arg(found->levels)));
    }

    void gridsAreFound_data()
    {
        QTest::addColumn<int>("type");
        QTest::addColumn<int>("group");
        QTest::addColumn<int>("levels");
        QTest::addColumn<int>("columns");
        const auto row = [](const char* name, DType type, int group, int levels, int columns) {
            QTest::newRow(name) << int(type) << group << levels << columns;
        };
        row("4 bits, groups of 32, f32", DType::F32, 32, 16, 576);
        row("4 bits, groups of 32, bf16", DType::BF16, 32, 16, 576);
        row("4 bits, groups of 64, f16", DType::F16, 64, 16, 768);
        row("4 bits, groups of 128, f32", DType::F32, 128, 16, 1024);
        row("4 bits, groups of 128 that do not divide", DType::F32, 128, 16, 576);
        row("4 bits, groups of 256, f32", DType::F32, 256, 16, 1024);
        row("4 bits, channels, f32", DType::F32, 0, 16, 1536);
        row("3 bits, groups of 16, f32", DType::F32, 16, 8, 512);
        row("2 bits, groups of 64, f32", DType::F32, 64, 4, 512);
        row("5 bits, groups of 32, f32", DType::F32, 32, 32, 512);
        row("6 bits, groups of 128, f32", DType::F32, 128, 64, 512);
        row("8 bits, channels, bf16", DType::BF16, 0, 256, 4096);
    }
    void gridsAreFound()
    {
        QFETCH(int, type);
        QFETCH(int, group);
        QFETCH(int, levels);
        QFETCH(int, columns);
        const auto found = detectCoarseGrid(*Checkpoint::open(make(static_cast<DType>(type), Grid, group, levels, 64, columns)));
        QVERIFY(found.has_value());
        QCOMPARE(found->blockSize, group > 0 ? group : columns);
        QVERIFY2(found->levels <= levels && found->levels > levels * 3 / 4, qPrintable(QString::number(found->levels)));
        QCOMPARE(found->looked, 6);
        QVERIFY(found->tensors >= 5);
        QVERIFY(found->source.empty());
    }

    void aStoredBlockTypeSpeaksForItself()
    {
        const fs::path file = fs::path(m_root.path().toStdString()) / "model.gguf";
        put(file, Gguf(3).tensor("token_embd.weight", {32, 2}, 8, 0).tensor("blk.0.ffn_up.weight", {32, 2}, kQ4_1, 96)
                      .tensor("blk.0.attn_norm.weight", {32}, kF32, 160).data(288).bytes);
        const auto found = detectCoarseGrid(*Checkpoint::open(file));
        QVERIFY(found.has_value());
        QCOMPARE(found->blockSize, 32);
        QCOMPARE(found->levels, 16);
        QCOMPARE(found->source, std::string("Q4_1"));
        QCOMPARE(found->looked, 1);
    }
};

QTEST_APPLESS_MAIN(tst_coarse_grid)
#include "tst_coarse_grid.moc"
