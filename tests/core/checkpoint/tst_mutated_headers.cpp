#include "builders.h"

#include <QTemporaryDir>

#include <nlohmann/json.hpp>

#include <random>

using namespace halftone;
using namespace builders;

/// Seeded damage to good files: whatever comes, a checkpoint or an Error, and never anything else.
class tst_mutated_headers : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;

    static void mutate(std::string& bytes, std::size_t headerBytes, std::mt19937& random)
    {
        static constexpr std::uint64_t kAwkward[] = {0, 1, 7, 31, 255, 65'536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                                     std::uint64_t{1} << 62, std::uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 31};
        static constexpr std::string_view kDigits = "0123456789-+.eE\"{}[],: \\";
        for (unsigned n = 1 + random() % 3; n > 0; --n) {
            const std::size_t size = std::min(headerBytes, bytes.size());
            if (size == 0)
                return;
            const std::size_t at = random() % size;
            switch (random() % 8) {
            case 0:
                bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
                break;
            case 1:
                bytes[at] = static_cast<char>(random());
                break;
            case 2:
                bytes[at] = kDigits[random() % kDigits.size()];
                break;
            case 3: {
                const std::uint64_t value = kAwkward[random() % std::size(kAwkward)];
                std::memcpy(bytes.data() + at, &value, std::min<std::size_t>(random() % 2 == 0 ? 4 : 8, bytes.size() - at));
                break;
            }
            case 4:
                bytes.erase(at, random() % 16);
                break;
            case 5:
                bytes.insert(at, bytes.substr(random() % size, random() % 32));
                break;
            case 6:
                bytes.resize(at);
                break;
            default: { // a small change of a number keeps the structure
                bytes[at] = static_cast<char>(bytes[at] + (random() % 2 == 0 ? 1 : -1));
                break;
            }
            }
        }
    }

    /// Reads all that was accepted. @return true if it was.
    static bool use(const fs::path& path)
    {
        try {
            const auto checkpoint = Checkpoint::open(path);
            for (const TensorInfo& tensor : checkpoint->tensors()) {
                const auto raw = checkpoint->readRaw(tensor);
                if (raw.size() != tensor.bytes)
                    throw std::logic_error("a tensor came short");
                if (isWeightType(tensor.dtype) && checkpoint->readFloats(tensor).size() != static_cast<std::size_t>(tensor.elements()))
                    throw std::logic_error("weights came short");
            }
            checkpoint->fingerprint();
            detectCoarseGrid(*checkpoint);
            return true;
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::Unsupported)
                throw std::logic_error(std::string("an error of another kind: ") + e.what());
            return false;
        }
    }

    void hammer(const fs::path& target, const fs::path& opened, const std::string& good, std::size_t headerBytes, int rounds)
    {
        put(target, good);
        QVERIFY(use(opened));
        std::mt19937 random(20240607);
        int accepted = 0;
        for (int round = 0; round < rounds; ++round) {
            std::string bytes = good;
            mutate(bytes, headerBytes, random);
            fs::remove(target); // a file cut to nothing and rewritten is flushed to disk by some file systems: slow
            put(target, bytes);
            try {
                accepted += use(opened) ? 1 : 0;
            } catch (const std::exception& e) {
                QFAIL(qPrintable(QStringLiteral("round %1: %2").arg(round).arg(QString::fromUtf8(e.what()))));
            }
        }
        qInfo("%d of %d damaged files still held a model", accepted, rounds);
        QVERIFY(accepted < rounds / 2);
    }

private Q_SLOTS:
    void damagedSafetensorsGiveErrors()
    {
        const fs::path folder = fs::path(m_root.path().toStdString()) / "model";
        fs::create_directories(folder);
        put(folder / "config.json", "{}");
        const std::string header = R"({"__metadata__":{"format":"pt"},)" + entry("model.layers.0.w", "F32", "[4,32]", 0, 512) + ","
            + entry("b", "BF16", "[3]", 512, 518) + "," + entry("c", "I64", "[1,2]", 518, 534) + "," + entry("d", "F16", "[0]", 534, 534) + "}";
        hammer(folder / "model.safetensors", folder, safetensors(header, 534), 8 + header.size(), 10'000);
    }

    void damagedGgufsGiveErrors()
    {
        Gguf gguf(4, 5);
        gguf.key("general.architecture", kTypeString).text("llama");
        gguf.key("general.alignment", kTypeU32).u32(32);
        gguf.key("tokens", kTypeArray).u32(kTypeString).u64(3).text("a").text("bb").text("ccc");
        gguf.key("nested", kTypeArray).u32(kTypeArray).u64(1).u32(kTypeU32).u64(2).u32(1).u32(2);
        gguf.key("flag", kTypeBool).u8(1);
        gguf.tensor("blk.0.a.weight", {64, 2}, kQ4_1, 0).tensor("blk.0.b.weight", {256, 1}, 14, 96);
        gguf.tensor("norm", {8}, kF32, 320).tensor("half", {4, 2, 2}, 1, 352);
        const std::size_t header = gguf.bytes.size();
        gguf.data(384);
        hammer(fs::path(m_root.path().toStdString()) / "model.gguf", fs::path(m_root.path().toStdString()) / "model.gguf", gguf.bytes, header, 10'000);
    }

    void damagedIndexesGiveErrors()
    {
        const fs::path folder = fs::path(m_root.path().toStdString()) / "sharded";
        fs::create_directories(folder);
        put(folder / "config.json", "{}");
        put(folder / "m-1.safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        put(folder / "m-2.safetensors", safetensors("{" + entry("b", "F32", "[1]", 0, 4) + "}", 4));
        const std::string index = R"({"metadata":{"total_size":12},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})";
        hammer(folder / "model.safetensors.index.json", folder, index, index.size(), 4'000);
    }
};

QTEST_APPLESS_MAIN(tst_mutated_headers)
#include "tst_mutated_headers.moc"
