#include "builders.h"

#include "core/base/json.h"

#include <QTemporaryDir>

#include <bit>
#include <thread>

using namespace halftone;
using namespace builders;

class tst_gguf : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;
    fs::path m_file;
    fs::path m_data = fs::path(HALFTONE_TEST_DATA) / "checkpoint";

    /// The expected floats lie in a safetensors file; a folder makes it a checkpoint.
    std::shared_ptr<const Checkpoint> expected() const
    {
        const fs::path folder = fs::path(m_root.path().toStdString()) / "expected";
        fs::create_directories(folder);
        put(folder / "config.json", "{}");
        fs::copy_file(m_data / "blocks-expected.safetensors", folder / "model.safetensors", fs::copy_options::overwrite_existing);
        return Checkpoint::open(folder);
    }

    /// Three parts, the key-values in the first, as llama-gguf-split writes them.
    std::vector<fs::path> putParts(std::uint32_t tensorsInAll = 3) const
    {
        std::vector<fs::path> paths;
        for (std::uint32_t i = 0; i < 3; ++i) {
            Gguf part(1, i == 0 ? 4 : 2);
            part.key("split.no", kTypeU32).u32(i).key("split.count", kTypeU32).u32(3);
            if (i == 0)
                part.key("split.tensors.count", kTypeU32).u32(tensorsInAll).key("general.architecture", kTypeString).text("llama");
            part.tensor(std::string(1, static_cast<char>('a' + i)), {8}, kF32, 0).data(32);
            part.bytes[part.bytes.size() - 32 + 3] = static_cast<char>(0x40 + i);   // the top byte of the first float
            paths.push_back(m_file.parent_path() / ("m-0000" + std::to_string(i + 1) + "-of-00003.gguf"));
            put(paths.back(), part.bytes);
        }
        return paths;
    }

private Q_SLOTS:
    void init() { m_file = fs::path(m_root.path().toStdString()) / "model.gguf"; }

    void everyStoredTypeIsDecodedBitForBit_data()
    {
        QTest::addColumn<QString>("type");
        for (const char* type : {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"})
            QTest::newRow(type) << QString::fromLatin1(type);
    }
    void everyStoredTypeIsDecodedBitForBit()
    {
        QFETCH(QString, type);
        const std::string tensor = "golden." + type.toStdString();
        const auto gguf = Checkpoint::open(m_data / "blocks.gguf");
        const auto meant = expected();
        const TensorInfo& info = gguf->at(tensor);
        QCOMPARE(std::string(name(info.dtype)), type.toStdString());
        QCOMPARE(info.shape, (std::vector<std::int64_t>{2, 512}));
        const std::vector<float> got = gguf->readFloats(info);
        const std::vector<float> want = meant->readFloats(meant->at(tensor));
        QCOMPARE(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i)
            if (std::bit_cast<std::uint32_t>(got[i]) != std::bit_cast<std::uint32_t>(want[i]))
                QFAIL(qPrintable(QStringLiteral("weight %1: %2 instead of %3").arg(i).arg(double(got[i])).arg(double(want[i]))));
        std::vector<float> second(512);
        gguf->readRows(info, 1, 1, second);
        QVERIFY(std::memcmp(second.data(), want.data() + 512, 512 * sizeof(float)) == 0);
    }

    void valuesOfEveryTypeAreRead()
    {
        const auto gguf = Checkpoint::open(m_data / "blocks.gguf");
        const nlohmann::json& metadata = gguf->metadata();
        QCOMPARE(gguf->kind(), Checkpoint::Kind::Gguf);
        QCOMPARE(metadata["general.architecture"].get<std::string>(), std::string("golden"));
        QCOMPARE(metadata["golden.text"].get<std::string>(), std::string("naïve"));
        QCOMPARE(metadata["golden.u32"].get<std::uint64_t>(), std::uint64_t(4'000'000'000));
        QCOMPARE(metadata["golden.i64"].get<std::int64_t>(), std::int64_t(-5));
        QCOMPARE(metadata["golden.f32"].get<float>(), 0.1f);
        QCOMPARE(metadata["golden.f64"].get<double>(), 0.1);
        QCOMPARE(metadata["golden.bool"].get<bool>(), true);
        QCOMPARE(metadata["golden.strings"].get<std::vector<std::string>>(), (std::vector<std::string>{"a", "", "🙂"}));
        QCOMPARE(metadata["golden.ints"].get<std::vector<int>>(), (std::vector<int>{-1, 0, 7}));
    }

    void threadsReadTheSameTensorAtOnce()
    {
        const auto gguf = Checkpoint::open(m_data / "blocks.gguf");
        const std::vector<float> want = gguf->readFloats(gguf->at("golden.Q6_K"));
        std::atomic<int> wrong{0};
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i)
                    wrong += gguf->readFloats(gguf->at("golden.Q6_K")) == want ? 0 : 1;
            });
        threads.clear();
        QCOMPARE(wrong.load(), 0);
    }

    void vectorsOfBlocksAreReadByElement()
    {
        put(m_file, Gguf(1).tensor("v", {64}, 8, 0).data(68).bytes); // Q8_0
        std::string bytes;
        {
            std::ifstream in(m_file, std::ios::binary);
            bytes.assign(std::istreambuf_iterator<char>(in), {});
        }
        for (int block = 0; block < 2; ++block) {
            char* at = bytes.data() + bytes.size() - 68 + block * 34;
            at[1] = 0x3c; // scale 1
            for (int i = 0; i < 32; ++i)
                at[2 + i] = static_cast<char>(block * 32 + i);
        }
        put(m_file, bytes);
        const auto gguf = Checkpoint::open(m_file);
        std::vector<float> part(20);
        gguf->readRows(gguf->at("v"), 25, 20, part);
        for (int i = 0; i < 20; ++i)
            QCOMPARE(part[static_cast<std::size_t>(i)], static_cast<float>(25 + i));
    }

    void versionTwoAndAVocabularyAloneAreRead()
    {
        put(m_file, Gguf(0, 1, 2).key("general.architecture", kTypeString).text("llama").bytes);
        const auto gguf = Checkpoint::open(m_file);
        QCOMPARE(gguf->tensors().size(), std::size_t(0));
        QCOMPARE(gguf->metadata()["general.architecture"].get<std::string>(), std::string("llama"));
    }

    void allowedFormsAreRead_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        const auto row = [](const char* form, const Gguf& gguf) { QTest::newRow(form) << QByteArray::fromStdString(gguf.bytes); };
        row("four dimensions", Gguf(1).tensor("t", {2, 1, 1, 1}, kF32, 0).data(8));
        row("alignment 65536", Gguf(1, 1).key("general.alignment", kTypeU32).u32(65'536).tensor("t", {2}, kF32, 0).data(8, 65'536));
        row("alignment 1", Gguf(1, 1).key("general.alignment", kTypeU32).u32(1).tensor("t", {2}, kF32, 0).data(8, 1));
        row("key of 65535 bytes", Gguf(0, 1).key(std::string(65'535, 'k'), kTypeU32).u32(1));
        row("text of any bytes", Gguf(0, 1).key("k", kTypeString).text(std::string("\xff\x00\xfe", 3)));
        row("array of arrays", Gguf(0, 1).key("k", kTypeArray).u32(kTypeArray).u64(1).u32(kTypeU32).u64(2).u32(1).u32(2));
        row("tensors out of order", Gguf(2).tensor("b", {2}, kF32, 32).tensor("a", {2}, kF32, 0).data(40));
    }
    void allowedFormsAreRead()
    {
        QFETCH(QByteArray, bytes);
        put(m_file, bytes.toStdString());
        Checkpoint::open(m_file);
    }

    void badFilesAreRefusedByRule_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("rule");
        const auto row = [](const char* fault, const Gguf& gguf, const char* rule = "(E-R07)") {
            QTest::newRow(fault) << QByteArray::fromStdString(gguf.bytes) << QString::fromLatin1(rule);
        };
        const auto one = [](const std::vector<std::uint64_t>& extents, std::uint32_t type, std::uint64_t offset, std::size_t data) {
            return Gguf(1).tensor("t", extents, type, offset).data(data);
        };
        Gguf shortFile;
        shortFile.bytes = "GGUF";
        row("file_of_four_bytes", shortFile);
        Gguf cut = one({8}, kF32, 0, 32);
        cut.bytes.pop_back();
        row("data_cut_off", cut);
        Gguf cutHeader = one({8}, kF32, 0, 32);
        cutHeader.bytes.resize(40);
        row("header_cut_off", cutHeader, "(E-R02)");
        row("wrong_magic", Gguf(0, 0, 3, "GGUX"));
        row("version_0", Gguf(0, 0, 0));
        row("version_1", Gguf(0, 0, 1));
        row("version_4", Gguf(0, 0, 4));
        row("big_endian", Gguf(0, 0, 0x03000000));
        row("tensor_count_over_the_limit", Gguf(1'000'001), "(E-R04)");
        row("tensor_count_overflow", Gguf(UINT64_MAX), "(E-R04)");
        row("tensor_count_without_tensors", Gguf(1'000'000), "(E-R02)");
        row("key_count_over_the_limit", Gguf(0, 100'001), "(E-R04)");
        row("key_count_overflow", Gguf(0, UINT64_MAX), "(E-R04)");
        row("key_count_without_keys", Gguf(0, 100'000), "(E-R02)");
        row("key_length_over_the_limit", Gguf(0, 1).key(std::string(65'536, 'k'), kTypeU32).u32(1), "(E-R04)");
        row("key_length_overflow", Gguf(0, 1).u64(UINT64_MAX), "(E-R04)");
        row("key_nameless", Gguf(0, 1).key("", kTypeU32).u32(1));
        row("key_twice", Gguf(0, 2).key("k", kTypeU32).u32(1).key("k", kTypeU32).u32(2));
        row("value_type_unknown", Gguf(0, 1).key("k", 13).u32(1));
        row("value_cut_off", Gguf(0, 1).key("k", kTypeU32).u8(1), "(E-R02)");
        row("truth_of_two", Gguf(0, 1).key("k", kTypeBool).u8(2));
        row("text_over_the_limit", Gguf(0, 1).key("k", kTypeString).u64((16u << 20) + 1), "(E-R04)");
        row("text_past_the_end", Gguf(0, 1).key("k", kTypeString).u64(16u << 20), "(E-R02)");
        row("text_length_overflow", Gguf(0, 1).key("k", kTypeString).u64(UINT64_MAX), "(E-R04)");
        row("array_type_unknown", Gguf(0, 1).key("k", kTypeArray).u32(99).u64(0));
        row("array_over_the_limit", Gguf(0, 1).key("k", kTypeArray).u32(kTypeU32).u64((8u << 20) + 1), "(E-R04)");
        row("array_count_overflow", Gguf(0, 1).key("k", kTypeArray).u32(kTypeU32).u64(UINT64_MAX), "(E-R04)");
        row("array_past_the_end", Gguf(0, 1).key("k", kTypeArray).u32(kTypeU32).u64(8u << 20), "(E-R05)");
        row("array_of_texts_past_the_end", Gguf(0, 1).key("k", kTypeArray).u32(kTypeString).u64(2).text("a"), "(E-R05)");
        row("arrays_three_deep",
            Gguf(0, 1).key("k", kTypeArray).u32(kTypeArray).u64(1).u32(kTypeArray).u64(1).u32(kTypeU32).u64(1).u32(1), "(E-R04)");
        row("alignment_zero", Gguf(0, 1).key("general.alignment", kTypeU32).u32(0), "(E-R04)");
        row("alignment_no_power_of_two", Gguf(0, 1).key("general.alignment", kTypeU32).u32(48), "(E-R04)");
        row("alignment_over_the_limit", Gguf(0, 1).key("general.alignment", kTypeU32).u32(131'072), "(E-R04)");
        row("alignment_is_text", Gguf(0, 1).key("general.alignment", kTypeString).text("32"), "(E-R04)");
        row("rank_0", one({}, kF32, 0, 32), "(E-R04)");
        row("rank_5", one({1, 1, 1, 1, 1}, kF32, 0, 32), "(E-R04)");
        row("rank_overflow", Gguf(1).text("t").u32(0xffffffff), "(E-R04)");
        row("extent_0", one({0}, kF32, 0, 32));
        row("extent_over_the_limit", one({std::uint64_t{1} << 63}, kF32, 0, 32));
        row("extents_wrap", one({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, kF32, 0, 32), "(E-R03)");
        row("bytes_wrap", one({std::uint64_t{1} << 62}, kF32, 0, 32), "(E-R03)");
        row("tensor_type_unknown", one({8}, 200, 0, 32));
        row("tensor_type_removed", one({32}, 4, 0, 32));
        row("tensor_type_not_decoded", one({256}, 16, 0, 256));
        row("row_no_multiple_of_the_block", one({48, 2}, kQ4_1, 0, 200));
        row("tensor_twice", Gguf(2).tensor("t", {8}, kF32, 0).tensor("t", {8}, kF32, 32).data(64), "");
        row("tensor_name_too_long", Gguf(1).tensor(std::string(4097, 'n'), {8}, kF32, 0).data(32), "(E-R04)");
        row("offset_not_aligned", one({1}, kF32, 4, 32));
        row("offset_past_end", one({8}, kF32, 32, 32));
        row("offset_overflow", one({8}, kF32, UINT64_MAX - 31, 32), "(E-R03)");
        row("end_overflow", one({std::uint64_t{1} << 61}, kF32, std::uint64_t{1} << 63, 32), "(E-R03)");
        row("tensors_overlap", Gguf(2).tensor("a", {16}, kF32, 0).tensor("b", {8}, kF32, 32).data(96));
        row("tensors_at_one_place", Gguf(2).tensor("a", {8}, kF32, 0).tensor("b", {8}, kF32, 0).data(32));
    }
    void badFilesAreRefusedByRule()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(QString, rule);
        put(m_file, bytes.toStdString());
        QCOMPARE(refusal(m_file, QLatin1String("model.gguf"), rule), QString());
    }

    void largeArraysOfSmallNumbersStayBytes()
    {
        Gguf small(0, 2);
        small.key("small", kTypeArray).u32(kTypeBool).u64(3).u8(1).u8(0).u8(1);
        small.key("large", kTypeArray).u32(0).u64(100'000);
        for (int i = 0; i < 100'000; ++i)
            small.u8(static_cast<std::uint8_t>(i));
        put(m_file, small.bytes);
        const auto gguf = Checkpoint::open(m_file);
        QVERIFY(gguf->metadata()["small"] == nlohmann::json::parse("[true, false, true]"));
        QVERIFY(gguf->metadata()["large"].is_binary());   // sixteen bytes each else
        QCOMPARE(gguf->metadata()["large"].get_binary().size(), std::size_t{100'000});
        QCOMPARE(gguf->metadata()["large"].get_binary()[99'999], static_cast<std::uint8_t>(99'999));
    }

    void splitModelsAreReadWhole()
    {
        for (const fs::path& path : putParts()) {
            const auto checkpoint = Checkpoint::open(path);
            QCOMPARE(checkpoint->path().filename().string(), std::string("m-00001-of-00003.gguf"));
            QCOMPARE(checkpoint->files().size(), std::size_t(3));
            QCOMPARE(checkpoint->metadata()["general.architecture"].get<std::string>(), std::string("llama"));
            for (int i = 0; i < 3; ++i) {
                const TensorInfo& tensor = checkpoint->at(std::string(1, static_cast<char>('a' + i)));
                QCOMPARE(tensor.file, i);
                QCOMPARE(checkpoint->readFloats(tensor).front(), std::bit_cast<float>((0x40u + static_cast<std::uint32_t>(i)) << 24));
            }
        }
        const fs::path folder = m_file.parent_path() / "split";
        fs::create_directories(folder);
        for (const fs::path& path : putParts())
            fs::rename(path, folder / path.filename());
        QCOMPARE(Checkpoint::open(folder)->tensors().size(), std::size_t(3));
    }

    void brokenSplitModelsAreRefused()
    {
        const auto paths = putParts();
        const auto refused = [&](const char* named, const char* says) { return refusal(paths[1], QLatin1String(named), QLatin1String(says)); };
        fs::remove(paths[2]);
        QCOMPARE(refused("m-00003-of-00003.gguf", "is missing"), QString());
        fs::copy_file(paths[1], paths[2]);
        QCOMPARE(refused("m-00003-of-00003.gguf", "does not say that it is part 3 of 3"), QString());
        putParts(4);
        QCOMPARE(refused("m-00001-of-00003.gguf", "says that the model has 4 tensors; its 3 parts hold 3"), QString());
        put(m_file, Gguf(0, 1).key("split.count", kTypeU32).u32(3).bytes);
        QCOMPARE(refusal(m_file, QLatin1String("model.gguf"), QLatin1String("--merge")), QString());
        put(m_file, Gguf(0, 1).key("split.count", kTypeU32).u32(4'000'000'000u).bytes);
        QCOMPARE(refusal(m_file, QLatin1String("model.gguf"), QLatin1String("(E-R04)")), QString());
    }

    void aPointerOfGitLfsIsNamed()
    {
        put(m_file, "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 268435456\n");
        QCOMPARE(refusal(m_file, QLatin1String("model.gguf"), QLatin1String("run git lfs pull")), QString());
    }
};

QTEST_APPLESS_MAIN(tst_gguf)
#include "tst_gguf.moc"
