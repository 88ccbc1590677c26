#include "builders.h"

#include "core/base/file.h"
#include "core/checkpoint/safetensors_writer.h"

#include <QTemporaryDir>

#include <nlohmann/json.hpp>

#include <random>

using namespace halftone;
using namespace builders;

namespace {

TensorToWrite tensor(const std::string& name, DType type, std::vector<std::int64_t> shape, unsigned seed = 1)
{
    TensorToWrite out{name, type, std::move(shape), {}};
    const std::size_t bytes = out.bytes();
    out.fill = [bytes, seed, name] {
        std::mt19937 random(seed + static_cast<unsigned>(name.size()));
        std::vector<std::byte> data(bytes);
        for (std::byte& b : data)
            b = static_cast<std::byte>(random());
        return data;
    };
    return out;
}

std::vector<TensorToWrite> model()
{
    std::vector<TensorToWrite> tensors;
    for (int layer = 11; layer >= 0; --layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        tensors.push_back(tensor(prefix + "q.weight", DType::BF16, {8, 16}));
        tensors.push_back(tensor(prefix + "q.codes", DType::I32, {8, 2}));
    }
    tensors.push_back(tensor("embed", DType::F32, {10, 16}));
    tensors.push_back(tensor("flag", DType::Bool, {8}));
    tensors.push_back(tensor("none", DType::F16, {0, 3}));
    return tensors;
}

} // namespace

class tst_safetensors_writer : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;
    fs::path m_folder;

    fs::path folder(const char* name) const
    {
        const fs::path path = m_folder / name;
        fs::create_directories(path);
        put(path / "config.json", "{}");
        return path;
    }

private Q_SLOTS:
    void init()
    {
        m_folder = fs::path(m_root.path().toStdString()) / QTest::currentTestFunction();
        fs::create_directories(m_folder);
    }

    void whatIsWrittenIsReadBack_data()
    {
        QTest::addColumn<qulonglong>("shardBytes");
        QTest::newRow("one file") << qulonglong(5'000'000'000);
        QTest::newRow("shards of 700 bytes") << qulonglong(700);
        QTest::newRow("a tensor larger than a shard") << qulonglong(100);
    }
    void whatIsWrittenIsReadBack()
    {
        QFETCH(qulonglong, shardBytes);
        const auto tensors = model();
        const fs::path out = folder(QTest::currentDataTag());
        const auto files = writeSafetensors(out, tensors, shardBytes);
        const auto checkpoint = Checkpoint::open(out);
        QCOMPARE(checkpoint->tensors().size(), tensors.size());
        std::uint64_t total = 0;
        for (const TensorToWrite& t : tensors) {
            const TensorInfo& read = checkpoint->at(t.name);
            QCOMPARE(read.dtype, t.dtype);
            QCOMPARE(read.shape, t.shape);
            QCOMPARE(checkpoint->readRaw(read), t.fill());
            QCOMPARE(read.offset % blockLayout(t.dtype).bytes, std::uint64_t(0));
            total += t.bytes();
        }
        const bool sharded = shardBytes < 5'000'000'000;
        QCOMPARE(files.back(), std::string(sharded ? "model.safetensors.index.json" : "model.safetensors"));
        QCOMPARE(checkpoint->files().size(), files.size() - (sharded ? 1 : 0));
        for (const fs::path& file : checkpoint->files()) {
            std::uint64_t header = 0;
            std::memcpy(&header, readTextFile(file, 1u << 20).data(), 8);
            QCOMPARE(header % 8, std::uint64_t(0));
        }
        if (sharded) {
            const auto index = nlohmann::json::parse(readTextFile(out / files.back(), 1u << 20));
            QCOMPARE(index["metadata"]["total_size"].get<std::uint64_t>(), total);
            QCOMPARE(index["weight_map"].size(), tensors.size());
            QCOMPARE(QString::fromStdString(files.front()),
                     QStringLiteral("model-00001-of-%1.safetensors").arg(files.size() - 1, 5, 10, QLatin1Char('0')));
        }
    }

    void layersAreAskedForInTheirOrder()
    {
        std::vector<std::string> asked;
        auto tensors = model();
        for (TensorToWrite& t : tensors)
            t.fill = [&asked, fill = t.fill, name = t.name] {
                asked.push_back(name);
                return fill();
            };
        writeSafetensors(folder("out"), tensors);
        std::vector<int> layers;
        for (const std::string& name : asked)
            if (name.starts_with("model.layers."))
                layers.push_back(std::stoi(name.substr(13)));
        QVERIFY(std::is_sorted(layers.begin(), layers.end()));
        QCOMPARE(asked.size(), tensors.size());
    }

    void theSameTensorsGiveTheSameBytes()
    {
        auto tensors = model();
        writeSafetensors(folder("a"), tensors, 700);
        std::shuffle(tensors.begin(), tensors.end(), std::mt19937(3));
        const auto files = writeSafetensors(folder("b"), tensors, 700);
        for (const std::string& file : files)
            QCOMPARE(readTextFile(m_folder / "a" / file, 1u << 20), readTextFile(m_folder / "b" / file, 1u << 20));
    }

    void oddSizesStayAligned()
    {
        const fs::path out = folder("out");
        writeSafetensors(out, {tensor("a", DType::U8, {3}), tensor("b", DType::F32, {5}), tensor("c", DType::F16, {3}), tensor("d", DType::I64, {2})});
        for (const TensorInfo& read : Checkpoint::open(out)->tensors())
            QCOMPARE(read.offset % blockLayout(read.dtype).bytes, std::uint64_t(0));
    }

    void wrongTensorsAreRefused()
    {
        const fs::path out = folder("out");
        const auto one = tensor("a", DType::F32, {2});
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {one, one}), Error);
        TensorToWrite blocks{"a", DType::Q4_1, {32}, {}};
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {blocks}), Error);
        TensorToWrite negative{"a", DType::F32, {-1}, {}};
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {negative}), Error);
        auto shorter = one;
        shorter.fill = [] { return std::vector<std::byte>(7); };
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {shorter}), Error);
        TensorToWrite badName = tensor("a", DType::F32, {2});
        badName.name = "\xff";
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {badName}), Error);
        auto reserved = one;
        reserved.name = "__metadata__";
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, {reserved}), Error);
        QCOMPARE(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 1); // only config.json
    }

    void anErrorOnTheWayLeavesNothingHalf()
    {
        const fs::path out = folder("out");
        put(out / "model.safetensors", "old");
        auto tensors = model();
        tensors[5].fill = []() -> std::vector<std::byte> { throw Cancelled{}; };
        QVERIFY_EXCEPTION_THROWN(writeSafetensors(out, tensors), Cancelled);
        QCOMPARE(readTextFile(out / "model.safetensors", 100), std::string("old"));
        QCOMPARE(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 2);
    }
};

QTEST_APPLESS_MAIN(tst_safetensors_writer)
#include "tst_safetensors_writer.moc"
