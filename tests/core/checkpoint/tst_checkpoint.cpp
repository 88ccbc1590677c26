#include "builders.h"

#include <QTemporaryDir>

#include <nlohmann/json.hpp>

using namespace halftone;
using namespace builders;

class tst_checkpoint : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;
    fs::path m_path;

    std::string weights() const { return safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8); }

private Q_SLOTS:
    void init()
    {
        m_path = fs::path(m_root.path().toStdString()) / QTest::currentTestFunction();
        if (QTest::currentDataTag() != nullptr)
            m_path /= QTest::currentDataTag();
        fs::create_directories(m_path);
    }

    void aFileOfAFolderOpensTheFolder()
    {
        put(m_path / "config.json", "{}");
        put(m_path / "model.safetensors", weights());
        put(m_path / "other.safetensors", weights());
        for (const char* file : {"", "config.json", "model.safetensors"})
            QCOMPARE(Checkpoint::open(m_path / file)->kind(), Checkpoint::Kind::HuggingFace);
        QCOMPARE(refusal(m_path / "other.safetensors", QLatin1String("other.safetensors"), QLatin1String("(E-R08)")), QString());
    }

    void aFolderWithOneGgufOpensIt()
    {
        put(m_path / "model.gguf", Gguf().bytes);
        QCOMPARE(Checkpoint::open(m_path)->kind(), Checkpoint::Kind::Gguf);
        put(m_path / "second.gguf", Gguf().bytes);
        QCOMPARE(refusal(m_path, QLatin1String("2 GGUF files"), QLatin1String("(E-R08)")), QString());
    }

    void theNameOfAGgufDoesNotMatter()
    {
        put(m_path / "blob", Gguf().bytes);
        QCOMPARE(Checkpoint::open(m_path / "blob")->kind(), Checkpoint::Kind::Gguf);
    }

    void picklesAreRefusedWithAdvice_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("zip") << "weights.dat" << QByteArray("PK\x03\x04rest");
        QTest::newRow("protocol 2") << "weights.dat" << QByteArray("\x80\x02}q.", 5);
        QTest::newRow("bin") << "pytorch_model.bin" << QByteArray("anything");
        QTest::newRow("pt") << "model.pt" << QByteArray("");
        QTest::newRow("pth") << "consolidated.00.pth" << QByteArray("x");
        QTest::newRow("ckpt") << "model.ckpt" << QByteArray("x");
    }
    void picklesAreRefusedWithAdvice()
    {
        QFETCH(QString, file);
        QFETCH(QByteArray, bytes);
        put(m_path / file.toStdString(), bytes.toStdString());
        QCOMPARE(refusal(m_path / file.toStdString(), file, QLatin1String("safe_serialization=True"), ErrorKind::Unsupported), QString());
        if (!file.endsWith(QLatin1String(".dat"))) {
            put(m_path / "config.json", "{}");
            QCOMPARE(refusal(m_path, file, QLatin1String("safe_serialization=True"), ErrorKind::Unsupported), QString());
        }
    }

    void whatIsNoCheckpointIsRefused()
    {
        put(m_path / "text.txt", "hello");
        put(m_path / "empty", "");
        fs::create_directories(m_path / "folder");
        QCOMPARE(refusal(m_path / "text.txt", QLatin1String("text.txt"), QLatin1String("(E-R01)")), QString());
        QCOMPARE(refusal(m_path / "empty", QLatin1String("empty"), QLatin1String("(E-R01)")), QString());
        QCOMPARE(refusal(m_path / "missing", QLatin1String("missing"), QLatin1String("does not exist")), QString());
        QCOMPARE(refusal(m_path / "folder", QLatin1String("folder"), QLatin1String("holds no weights")), QString());
        put(m_path / "folder" / "config.json", "{}");
        QCOMPARE(refusal(m_path / "folder", QLatin1String("folder"), QLatin1String("holds no weights")), QString());
        put(m_path / "folder" / "model-00001-of-00002.safetensors", weights());
        QCOMPARE(refusal(m_path / "folder", QLatin1String("model-00001-of-00002"), QLatin1String("index that names the shards is missing")), QString());
        QCOMPARE(refusal("/dev/zero", QLatin1String("/dev/zero"), QLatin1String("(E-R09)")), QString());
    }

    void aChangeOnDiskIsNoticed()
    {
        put(m_path / "config.json", "{}");
        put(m_path / "model.safetensors", weights());
        const auto checkpoint = Checkpoint::open(m_path);
        checkpoint->checkUnchanged();
        put(m_path / "model.safetensors", weights() + "more");
        QVERIFY_EXCEPTION_THROWN(checkpoint->checkUnchanged(), Error);
    }

    void theFingerprintTellsModelsApart()
    {
        const auto make = [&](const char* folder, const std::string& config, const std::string& model) {
            fs::create_directories(m_path / folder);
            put(m_path / folder / "config.json", config);
            put(m_path / folder / "model.safetensors", model);
            return Checkpoint::open(m_path / folder)->fingerprint();
        };
        const std::string first = make("a", "{}", weights());
        QCOMPARE(make("copy", "{}", weights()), first);
        QVERIFY(make("config", "{ }", weights()) != first);
        QVERIFY(make("name", "{}", safetensors("{" + entry("b", "F32", "[2]", 0, 8) + "}", 8)) != first);
        QVERIFY(make("shape", "{}", safetensors("{" + entry("a", "F32", "[2,1]", 0, 8) + "}", 8)) != first);
        QVERIFY(make("type", "{}", safetensors("{" + entry("a", "I32", "[2]", 0, 8) + "}", 8)) != first);
        std::string other = weights();
        other.back() = 'x';
        QVERIFY(make("weights", "{}", other) != first);
    }

    void onlyWholeBlocksAreDecoded()
    {
        std::vector<std::byte> stored(20);
        std::vector<float> out(32);
        decodeWeights(DType::Q4_1, stored, out);
        QVERIFY_EXCEPTION_THROWN(decodeWeights(DType::Q4_1, stored, std::span(out).first(31)), Error);
        QVERIFY_EXCEPTION_THROWN(decodeWeights(DType::Q4_1, std::span(stored).first(19), out), Error);
        std::vector<std::byte> integers(32);
        QVERIFY_EXCEPTION_THROWN(decodeWeights(DType::I8, integers, out), Error);
        decodeWeights(DType::F32, {}, {});
    }
};

QTEST_APPLESS_MAIN(tst_checkpoint)
#include "tst_checkpoint.moc"
