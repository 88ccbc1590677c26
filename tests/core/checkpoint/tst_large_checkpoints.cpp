#include "builders.h"

#include <QElapsedTimer>
#include <QTemporaryDir>

#include <nlohmann/json.hpp>

using namespace halftone;
using namespace builders;

namespace {

constexpr std::uint64_t kGigabyte = 1'000'000'000;

/// The most memory this process ever held, bytes.
std::uint64_t peakMemory()
{
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line))
        if (line.starts_with("VmHWM:"))
            return std::stoull(line.substr(6)) * 1024;
    return 0;
}

/// Extends a file without writing: it takes no room on the disk.
bool extend(const fs::path& file, std::uint64_t bytes)
{
    std::error_code error;
    fs::resize_file(file, bytes, error);
    return !error;
}

} // namespace

/// 140 GB that are not there: opening must read headers only (under 2 s, within 300 MB).
class tst_large_checkpoints : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;

    void openAndCheck(const fs::path& path, std::size_t tensors)
    {
        QElapsedTimer timer;
        timer.start();
        const auto checkpoint = Checkpoint::open(path);
        const qint64 elapsed = timer.elapsed();
        QCOMPARE(checkpoint->tensors().size(), tensors);
        QVERIFY(checkpoint->totalBytes() > 140 * kGigabyte);
        const TensorInfo& last = checkpoint->tensors().back();
        std::vector<float> row(static_cast<std::size_t>(last.shape[1]));
        checkpoint->readRows(last, last.shape[0] - 1, 1, row);
        QCOMPARE(row.back(), 0.0f);
        QCOMPARE(checkpoint->fingerprint().size(), std::size_t(64));
        qInfo("opened in %lld ms, peak memory %llu MB", static_cast<long long>(elapsed), static_cast<unsigned long long>(peakMemory() / 1'000'000));
        QVERIFY2(elapsed < 2000, "opening takes too long");
        QVERIFY2(peakMemory() < 300 * 1'000'000ull, "opening takes too much memory");
    }

private Q_SLOTS:
    void aShardedModelOpensAtOnce()
    {
        const fs::path folder = fs::path(m_root.path().toStdString()) / "sharded";
        fs::create_directories(folder);
        put(folder / "config.json", "{}");
        nlohmann::json index;
        constexpr int kShards = 30;
        constexpr std::uint64_t kTensorBytes = 8192ull * 28672 * 2;
        for (int shard = 0; shard < kShards; ++shard) {
            const std::string file = "model-" + std::to_string(shard) + ".safetensors";
            std::string header = "{";
            for (std::uint64_t i = 0; i < 10; ++i) {
                const std::string tensor = "model.layers." + std::to_string(shard) + "." + std::to_string(i);
                header += (i > 0 ? "," : "") + entry(tensor, "BF16", "[8192,28672]", i * kTensorBytes, (i + 1) * kTensorBytes);
                index["weight_map"][tensor] = file;
            }
            const std::string bytes = safetensors(header + "}", 0);
            put(folder / file, bytes);
            if (!extend(folder / file, bytes.size() + 10 * kTensorBytes))
                QSKIP("this file system has no sparse files");
        }
        put(folder / "model.safetensors.index.json", index.dump());
        openAndCheck(folder, kShards * 10);
    }

    void aGgufWithALargeVocabularyOpensAtOnce()
    {
        constexpr std::uint64_t kTensors = 740;
        Gguf gguf(kTensors, 2);
        gguf.key("tokenizer.ggml.tokens", kTypeArray).u32(kTypeString).u64(150'000);
        for (int i = 0; i < 150'000; ++i)
            gguf.text("token-" + std::to_string(i));
        gguf.key("tokenizer.ggml.merges", kTypeArray).u32(kTypeString).u64(300'000);
        for (int i = 0; i < 300'000; ++i)
            gguf.text("left-" + std::to_string(i) + " right");
        constexpr std::uint64_t kTensorBytes = 8192ull * 28672 / 256 * 210; // Q6_K
        for (std::uint64_t i = 0; i < kTensors; ++i)
            gguf.tensor("blk." + std::to_string(i) + ".w", {28672, 8192}, 14, i * ((kTensorBytes + 31) / 32 * 32));
        gguf.data(0);
        const fs::path file = fs::path(m_root.path().toStdString()) / "model.gguf";
        put(file, gguf.bytes);
        if (!extend(file, gguf.bytes.size() + kTensors * ((kTensorBytes + 31) / 32 * 32)))
            QSKIP("this file system has no sparse files");
        gguf = Gguf();
        openAndCheck(file, kTensors);
    }
};

QTEST_APPLESS_MAIN(tst_large_checkpoints)
#include "tst_large_checkpoints.moc"
