#include "builders.h"

#include "core/checkpoint/identity.h"

#include <QTemporaryDir>

#include <algorithm>

using namespace halftone;
using namespace builders;

namespace {

/// Two tensors: a small one, and one of 1 MiB.
constexpr std::size_t kSmall = 1024;
constexpr std::size_t kLarge = 1 << 20;

} // namespace

class tst_identity : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;
    fs::path m_folder;

    void putWeights(const std::function<void(std::string& data)>& change = {}) const
    {
        std::string data(kSmall + kLarge, '\1');
        if (change)
            change(data);
        const std::string header = "{" + entry("small", "F32", "[256]", 0, kSmall) + "," + entry("large", "F32", "[512,512]", kSmall, kSmall + kLarge) + "}";
        std::string bytes;
        append<std::uint64_t>(bytes, header.size());
        put(m_folder / "model.safetensors", bytes + header + data);
    }
    ModelIdentity identity() const { return identityOf(*Checkpoint::open(m_folder)); }

private Q_SLOTS:
    void init()
    {
        m_folder = fs::path(m_root.path().toStdString()) / "model";
        fs::remove_all(m_folder);
        fs::create_directories(m_folder);
        put(m_folder / "config.json", R"({"model_type": "llama"})");
        put(m_folder / "tokenizer.json", "{}");
        putWeights();
    }

    void whatChangedIsNamed_data()
    {
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("says");
        QTest::newRow("a byte of a small tensor") << "small" << "the tensor small differs";
        QTest::newRow("a byte amid a large tensor") << "amid" << "the tensor large differs";
        QTest::newRow("the last byte of a large tensor") << "last" << "the tensor large differs";
        QTest::newRow("all of a large tensor") << "large" << "the tensor large differs";
        QTest::newRow("both tensors") << "both" << "2 tensors (large, small) differ";
        QTest::newRow("config") << "config.json" << "config.json differs";
        QTest::newRow("tokenizer") << "tokenizer.json" << "tokenizer.json differs";
        QTest::newRow("tokenizer gone") << "gone" << "tokenizer.json is gone";
        QTest::newRow("a new file") << "chat_template.jinja" << "chat_template.jinja is new";
        QTest::newRow("how text is drawn") << "generation_config.json" << "";
    }
    void whatChangedIsNamed()
    {
        QFETCH(QString, change);
        QFETCH(QString, says);
        const ModelIdentity before = identity();
        if (change == QLatin1String("small"))
            putWeights([](std::string& data) { data[700] = '\2'; });
        else if (change == QLatin1String("amid"))
            putWeights([](std::string& data) { data[kSmall + kLarge / 2 + 77'777] = '\2'; });
        else if (change == QLatin1String("last"))
            putWeights([](std::string& data) { data.back() = '\2'; });
        else if (change == QLatin1String("large"))
            putWeights([](std::string& data) { std::fill(data.begin() + kSmall, data.end(), '\2'); });
        else if (change == QLatin1String("both"))
            putWeights([](std::string& data) { std::fill(data.begin(), data.end(), '\2'); });
        else if (change == QLatin1String("gone"))
            fs::remove(m_folder / "tokenizer.json");
        else
            put(m_folder / change.toStdString(), R"({"model_type": "llama", "rms_norm_eps": 1})");
        const ModelIdentity now = identity();
        QCOMPARE(QString::fromStdString(whatDiffers(before, now)), says);
        QCOMPARE(now.digest() == before.digest(), says.isEmpty());
    }

    void placeAndTimeDoNotCount()
    {
        const ModelIdentity before = identity();
        const fs::path elsewhere = m_folder.parent_path() / "elsewhere";
        fs::remove_all(elsewhere);
        fs::copy(m_folder, elsewhere);
        for (const auto& file : fs::directory_iterator(elsewhere))
            fs::last_write_time(file.path(), fs::file_time_type::clock::now() - std::chrono::hours(1000));
        QCOMPARE(whatDiffers(before, identityOf(*Checkpoint::open(elsewhere))), std::string());
    }

    /// Another name of a shard, with the index that says so, is the same model.
    void whichFileHoldsATensorDoesNotCount()
    {
        const ModelIdentity before = identity();
        for (const char* shard : {"a.safetensors", "b.safetensors"}) {
            for (const auto& file : fs::directory_iterator(m_folder))
                if (file.path().extension() == ".safetensors")
                    fs::rename(file.path(), m_folder / shard);
            put(m_folder / "model.safetensors.index.json", std::string("{\"weight_map\": {\"small\": \"") + shard + "\", \"large\": \"" + shard + "\"}}");
            QCOMPARE(whatDiffers(before, identity()), std::string());
        }
    }

    void whatAnOlderVersionKeptIsComparedAsItLooked()
    {
        const ModelIdentity before = identityOf(*Checkpoint::open(m_folder), 1);
        QCOMPARE(ModelIdentity::parse(before.toJson(), "text").version, 1);
        QVERIFY(before.digest() != identity().digest());
        QCOMPARE(whatDiffers(before, identityOf(*Checkpoint::open(m_folder), 1)), std::string());
        putWeights([](std::string& data) { data.back() = '\2'; });
        QCOMPARE(whatDiffers(before, identityOf(*Checkpoint::open(m_folder), 1)), std::string("the tensor large differs"));
    }

    /// Hashing it would not end: sparse terabytes take no room on a disk.
    void aSideFileOfTerabytesIsRefusedByName()
    {
        put(m_folder / "chat_template.jinja", "{{ messages }}");
        fs::resize_file(m_folder / "chat_template.jinja", 5ULL << 40);
        try {
            identity();
            QFAIL("it was taken");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(std::string_view(error.what()).find("chat_template.jinja: has 5497558138880 bytes") != std::string_view::npos, error.what());
        }
    }

    void itIsWrittenAndReadBack()
    {
        const ModelIdentity before = identity();
        QVERIFY(before.parts == ModelIdentity::parse(before.toJson(), "text").parts);
        QCOMPARE(ModelIdentity::parse(before.toJson(), "text").version, ModelIdentity::kVersion);
        QVERIFY_EXCEPTION_THROWN(ModelIdentity::parse(R"({"halftone_model": 99, "parts": []})", "text"), Error);
        QVERIFY_EXCEPTION_THROWN(ModelIdentity::parse("{}", "text"), Error);
        QVERIFY_EXCEPTION_THROWN(ModelIdentity::parse(R"({"parts": [["a", 1, "b"]]})", "text"), Error);
    }

    void keysOfAGgufAreNamed()
    {
        const fs::path file = m_folder / "m.gguf";
        const auto write = [&](std::uint32_t heads, const char* token) {
            put(file, Gguf(1, 2).key("llama.attention.head_count", kTypeU32).u32(heads).key("tokenizer.ggml.tokens", kTypeArray).u32(kTypeString).u64(1).text(token)
                          .tensor("a", {8}, kF32, 0).data(32).bytes);
            return identityOf(*Checkpoint::open(file));
        };
        const ModelIdentity before = write(4, "x");
        QCOMPARE(whatDiffers(before, write(5, "x")), std::string("llama.attention.head_count, the header differ"));
        QCOMPARE(whatDiffers(before, write(4, "y")), std::string("the header differs"));
        write(4, "x");
        fs::rename(file, m_folder / "renamed.gguf");
        QCOMPARE(whatDiffers(before, identityOf(*Checkpoint::open(m_folder / "renamed.gguf"))), std::string());
    }
};

QTEST_APPLESS_MAIN(tst_identity)
#include "tst_identity.moc"
