#include "builders.h"

#include "core/base/json.h"

#include <QTemporaryDir>

#include <algorithm>
#include <cmath>

using namespace halftone;
using namespace builders;

class tst_safetensors : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_root;
    fs::path m_folder;

    void putModel(const std::string& bytes) const { put(m_folder / "model.safetensors", bytes); }

private Q_SLOTS:
    void init()
    {
        m_folder = fs::path(m_root.path().toStdString()) / "model";
        fs::remove_all(m_folder);
        fs::create_directories(m_folder);
        put(m_folder / "config.json", R"({"model_type": "llama"})");
    }

    void filesOfTheReferenceLibraryAreRead()
    {
        fs::copy_file(fs::path(HALFTONE_TEST_DATA) / "checkpoint" / "plain.safetensors", m_folder / "model.safetensors");
        const auto checkpoint = Checkpoint::open(m_folder);
        QCOMPARE(checkpoint->kind(), Checkpoint::Kind::HuggingFace);
        QCOMPARE(checkpoint->metadata()["model_type"].get<std::string>(), std::string("llama"));
        QCOMPARE(checkpoint->tensors().size(), std::size_t(11));
        for (const char* type : {"F32", "F16"}) {
            const TensorInfo& tensor = checkpoint->at(type);
            QCOMPARE(std::string(name(tensor.dtype)), std::string(type));
            QCOMPARE(tensor.shape, (std::vector<std::int64_t>{3, 4}));
            const std::vector<float> values = checkpoint->readFloats(tensor);
            for (int i = 0; i < 12; ++i)
                QCOMPARE(values[static_cast<std::size_t>(i)], static_cast<float>(i - 5) / 4);
            std::vector<float> row(4);
            checkpoint->readRows(tensor, 2, 1, row);
            QCOMPARE(row, std::vector<float>(values.begin() + 8, values.end()));
        }
        const auto raw = [&](const char* tensor) { return checkpoint->readRaw(checkpoint->at(tensor)); };
        for (const auto& [type, size] : {std::pair{"I8", 1}, {"U8", 1}, {"I16", 2}, {"I32", 4}, {"I64", 8}}) {
            const auto bytes = raw(type);
            QCOMPARE(bytes.size(), std::size_t(12 * size));
            for (std::size_t i = 0; i < 12; ++i) {
                std::int64_t value = 0;
                std::memcpy(&value, bytes.data() + i * static_cast<std::size_t>(size), static_cast<std::size_t>(size));
                QCOMPARE(value, static_cast<std::int64_t>(i));
            }
        }
        QCOMPARE(raw("BOOL"), (std::vector<std::byte>{std::byte{1}, std::byte{0}, std::byte{1}}));
        QCOMPARE(checkpoint->readFloats(checkpoint->at("scalar")), std::vector<float>{2.5f});
        QCOMPARE(checkpoint->at("empty").elements(), 0);
        QVERIFY(checkpoint->readFloats(checkpoint->at("empty")).empty());
        for (const char* type : {"I8", "I32", "BOOL"}) {
            QVERIFY(!isWeightType(checkpoint->at(type).dtype));
            QVERIFY_EXCEPTION_THROWN(checkpoint->readFloats(checkpoint->at(type)), Error);
        }
        std::vector<float> tooFar(8);
        QVERIFY_EXCEPTION_THROWN(checkpoint->readRows(checkpoint->at("F32"), 2, 2, tooFar), Error);
        QVERIFY_EXCEPTION_THROWN(checkpoint->readRows(checkpoint->at("F32"), -1, 2, tooFar), Error);
        QVERIFY_EXCEPTION_THROWN(checkpoint->at("missing"), Error);
        QVERIFY(checkpoint->find("missing") == nullptr);
    }

    void badFilesAreRefusedByRule_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("rule");
        const auto row = [](const char* fault, const std::string& bytes, const char* rule = "(E-R06)") {
            QTest::newRow(fault) << QByteArray::fromStdString(bytes) << QString::fromLatin1(rule);
        };
        const auto one = [](const std::string& header, std::size_t data = 8) { return safetensors(header, data); };
        const std::string good = entry("a", "F32", "[2]", 0, 8);
        const auto with = [&](const std::string& body) { return safetensors("{" + body + "}", 8); };
        const auto cut = [](std::string bytes, std::size_t length) { return bytes.substr(0, length); };
        const auto sized = [](std::uint64_t length) {
            std::string out;
            append(out, length);
            return out + "{}";
        };

        row("file_empty", "");
        row("file_of_seven_bytes", std::string(7, '\0'));
        row("header_of_no_bytes", safetensors("", 0));
        row("header_past_the_end", sized(3));
        row("header_length_overflow", sized(UINT64_MAX), "(E-R04)");
        row("header_length_wraps_with_eight", sized(UINT64_MAX - 7), "(E-R04)");
        row("header_length_over_the_limit", sized(100'000'001), "(E-R04)");
        row("header_length_at_the_limit_past_the_end", sized(100'000'000));
        row("header_cut_off", cut(with(good), 30));
        row("data_cut_off", cut(with(good), with(good).size() - 1));
        row("header_with_byte_order_mark", one("\xef\xbb\xbf{" + good + "}"));
        row("header_begins_with_space", one(" {" + good + "}"));
        row("header_is_an_array", one("[" + good.substr(4) + "]"));
        row("header_is_no_json", one("{nonsense"), "(E-R11)");
        row("header_with_bad_utf8", one("{" + entry("\xff", "F32", "[2]", 0, 8) + "}"), "(E-R11)");
        row("header_with_nul_and_a_second_text", one("{" + good + "}" + std::string(1, '\0') + "{}"), "(E-R11)");
        row("text_after_the_header", one("{" + good + "} {}"), "(E-R11)");
        row("bytes_after_the_last_tensor", one("{" + good + "}", 9));
        row("no_tensor_but_data", one("{}", 8));
        row("no_tensor", one("{}", 0));
        row("duplicate_tensor", one("{" + good + "," + entry("a", "F32", "[2]", 8, 16) + "}", 16));
        row("duplicate_tensor_escaped", one("{" + good + "," + entry("\\u0061", "F32", "[2]", 8, 16) + "}", 16));
        row("duplicate_key_in_a_tensor", with(R"("a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"));
        row("duplicate_metadata", with(R"("__metadata__":{"x":"1","x":"2"},)" + good));
        row("two_metadata", with(R"("__metadata__":{"x":"1"},"__metadata__":{},)" + good));
        row("metadata_no_text", with(R"("__metadata__":{"x":1},)" + good));
        row("metadata_nested", with(R"("__metadata__":{"x":{"y":"z"}},)" + good));
        row("metadata_is_text", with(R"("__metadata__":"x",)" + good));
        row("unknown_key", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1})"));
        row("missing_dtype", with(R"("a":{"shape":[2],"data_offsets":[0,8]})"));
        row("missing_shape", with(R"("a":{"dtype":"F32","data_offsets":[0,8]})"));
        row("missing_offsets", with(R"("a":{"dtype":"F32","shape":[2]})"));
        row("unknown_dtype", with(entry("a", "F24", "[2]", 0, 8)));
        row("dtype_lower_case", with(entry("a", "f32", "[2]", 0, 8)));
        row("block_dtype", with(entry("a", "Q4_1", "[2]", 0, 8)));
        row("dtype_is_a_number", with(R"("a":{"dtype":32,"shape":[2],"data_offsets":[0,8]})"));
        row("dtype_is_an_array", with(R"("a":{"dtype":["F32"],"shape":[2],"data_offsets":[0,8]})"));
        row("shape_is_a_number", with(entry("a", "F32", "2", 0, 8)));
        row("shape_nested", with(entry("a", "F32", "[[2]]", 0, 8)));
        row("shape_of_texts", with(entry("a", "F32", "[\"2\"]", 0, 8)));
        row("shape_with_fraction", with(entry("a", "F32", "[2.0]", 0, 8)));
        row("shape_with_exponent", with(entry("a", "F32", "[2e0]", 0, 8)));
        row("shape_negative", with(entry("a", "F32", "[-2]", 0, 8)));
        row("shape_minus_zero", with(entry("a", "F32", "[-0]", 0, 0)));
        row("shape_over_the_limit", with(entry("a", "F32", "[9223372036854775808]", 0, 8)));
        row("shape_beyond_64_bits", with(entry("a", "F32", "[18446744073709551618]", 0, 8)));
        row("shape_product_wraps", with(entry("a", "F32", "[4294967296,4294967296,2]", 0, 8)), "(E-R03)");
        row("shape_bytes_wrap", with(entry("a", "F32", "[4611686018427387906]", 0, 8)), "(E-R03)");
        row("shape_of_nine_dimensions", with(entry("a", "F32", "[1,1,1,1,1,1,1,1,2]", 0, 8)), "(E-R04)");
        row("shape_larger_than_bytes", with(entry("a", "F32", "[3]", 0, 8)));
        row("shape_smaller_than_bytes", with(entry("a", "F32", "[1]", 0, 8)));
        row("offsets_of_one_number", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8]})"));
        row("offsets_of_three_numbers", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"));
        row("offsets_are_text", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":["0","8"]})"));
        row("offsets_negative", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"));
        row("offsets_with_exponent", with(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8e0]})"));
        row("end_before_begin", with(entry("a", "F32", "[2]", 8, 0)));
        row("offset_past_end", with(entry("a", "F32", "[4]", 0, 16)));
        row("offset_overflow", with(entry("a", "F32", "[2]", 9223372036854775800u, 9223372036854775807u)));
        row("hole_at_the_start", one("{" + entry("a", "F32", "[2]", 8, 16) + "}", 16));
        row("hole_between", one("{" + good + "," + entry("b", "F32", "[2]", 12, 20) + "}", 20));
        row("overlap", one("{" + good + "," + entry("b", "F32", "[2]", 4, 12) + "}", 12));
        row("same_bytes_twice", one("{" + good + "," + entry("b", "F32", "[2]", 0, 8) + "}", 8));
        row("empty_tensor_inside_another", one("{" + good + "," + entry("z", "F32", "[0]", 4, 4) + "}", 8));
        row("tensor_is_null", with(R"("a":null)"));
        row("tensor_is_an_array", with(R"("a":[])"));
        row("tensor_holds_an_object", with(R"("a":{"dtype":{},"shape":[2],"data_offsets":[0,8]})"));
        row("name_too_long", with(entry(std::string(4097, 'n'), "F32", "[2]", 0, 8)), "(E-R04)");
        row("metadata_too_long", with(R"("__metadata__":{"x":")" + std::string(16'000'000, 'y') + R"("},)" + good), "(E-R04)");
    }
    void badFilesAreRefusedByRule()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(QString, rule);
        putModel(bytes.toStdString());
        QCOMPARE(refusal(m_folder, QLatin1String("model.safetensors"), rule), QString());
    }

    void allowedFormsAreRead_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("tensors");
        const std::string good = entry("a", "F32", "[2]", 0, 8);
        const auto row = [](const char* form, const std::string& bytes, int tensors) {
            QTest::newRow(form) << QByteArray::fromStdString(bytes) << tensors;
        };
        row("padded with spaces", safetensors("{" + good + "}     ", 8), 1);
        row("name of 4096 bytes", safetensors("{" + entry(std::string(4096, 'n'), "F32", "[2]", 0, 8) + "}", 8), 1);
        row("eight dimensions", safetensors("{" + entry("a", "F32", "[1,1,1,1,1,1,1,2]", 0, 8) + "}", 8), 1);
        row("listed out of order", safetensors("{" + entry("b", "F32", "[2]", 8, 16) + "," + good + "}", 16), 2);
        row("empty tensors at boundaries",
            safetensors("{" + good + "," + entry("z", "F32", "[0]", 0, 0) + "," + entry("y", "I8", "[3,0]", 8, 8) + "}", 8), 3);
        row("metadata", safetensors(R"({"__metadata__":{"format":"pt"},)" + good + "}", 8), 1);
    }
    void allowedFormsAreRead()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(int, tensors);
        putModel(bytes.toStdString());
        QCOMPARE(Checkpoint::open(m_folder)->tensors().size(), static_cast<std::size_t>(tensors));
    }

    void moreThanAMillionTensorsAreRefused()
    {
        std::string header = "{";
        for (int i = 0; i <= 1'000'000; ++i)
            header += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}";
        putModel(safetensors(header + "}", 0));
        QCOMPARE(refusal(m_folder, QLatin1String("model.safetensors"), QLatin1String("(E-R04)")), QString());
    }

    void shardsAreReadAsOneModel()
    {
        put(m_folder / "m-1.safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        put(m_folder / "m-2.safetensors", safetensors("{" + entry("b", "F32", "[1]", 0, 4) + "}", 4));
        put(m_folder / "model.safetensors.index.json",
            R"({"metadata":{"total_size":12},"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors"}})");
        const auto checkpoint = Checkpoint::open(m_folder);
        QCOMPARE(checkpoint->files().size(), std::size_t(2));
        QCOMPARE(checkpoint->at("b").file, 1);
        QCOMPARE(checkpoint->readFloats(checkpoint->at("a")).size(), std::size_t(2));
        QCOMPARE(checkpoint->totalBytes(), fs::file_size(m_folder / "m-1.safetensors") + fs::file_size(m_folder / "m-2.safetensors"));
    }

    void badIndexesAreRefusedByRule_data()
    {
        QTest::addColumn<QByteArray>("index");
        QTest::addColumn<QString>("named");
        QTest::addColumn<QString>("rule");
        const auto row = [](const char* fault, const char* index, const char* named, const char* rule = "(E-R08)") {
            QTest::newRow(fault) << QByteArray(index) << QString::fromLatin1(named) << QString::fromLatin1(rule);
        };
        row("no_weight_map", "{}", "index.json");
        row("weight_map_is_an_array", R"({"weight_map":[]})", "index.json");
        row("weight_map_empty", R"({"weight_map":{}})", "index.json");
        row("shard_is_a_number", R"({"weight_map":{"a":1}})", "index.json");
        row("every_shard_missing", R"({"weight_map":{"a":"m-3.safetensors"}})", "m-3.safetensors");
        row("shard_in_a_parent", R"({"weight_map":{"a":"../m-1.safetensors"}})", "../m-1.safetensors");
        row("shard_absolute", R"({"weight_map":{"a":"/etc/passwd"}})", "/etc/passwd");
        row("shard_in_a_folder", R"({"weight_map":{"a":"sub/m-1.safetensors"}})", "sub/m-1.safetensors");
        row("shard_with_backslash", R"({"weight_map":{"a":"..\\m"}})", "no name of a file in this folder");
        row("shard_through_a_parent", R"({"weight_map":{"a":"sub/../../m-1.safetensors"}})", "no name of a file in this folder");
        row("shard_through_a_link", R"({"weight_map":{"a":"out/m-1.safetensors"}})", "out");
        row("shard_hidden", R"({"weight_map":{"a":".hidden"}})", ".hidden");
        row("shard_with_nul", R"({"weight_map":{"a":"m-1.safetensors\u0000.txt"}})", "no name of a file in this folder");
        row("shard_nameless", R"({"weight_map":{"a":""}})", "no name of a file in this folder");
        row("shard_is_a_folder", R"({"weight_map":{"a":"folder"}})", "folder", "(E-R09)");
    }
    void badIndexesAreRefusedByRule()
    {
        QFETCH(QByteArray, index);
        QFETCH(QString, named);
        QFETCH(QString, rule);
        put(m_folder / "m-1.safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        put(m_folder / "m-2.safetensors", safetensors("{" + entry("b", "F32", "[1]", 0, 4) + "}", 4));
        fs::create_directories(m_folder / "folder");
        fs::create_directory_symlink(m_folder, m_folder / "out");
        put(m_folder / "model.safetensors.index.json", index.toStdString());
        QCOMPARE(refusal(m_folder, named, rule), QString());
    }

    void oddIndexesAreReadAsStockLoadersDo_data()
    {
        QTest::addColumn<QByteArray>("index");
        QTest::addColumn<QString>("tensors");
        QTest::addColumn<QString>("note");
        const auto row = [](const char* oddity, const char* index, const char* tensors, const char* note) {
            QTest::newRow(oddity) << QByteArray(index) << QString::fromLatin1(tensors) << QString::fromLatin1(note);
        };
        row("a shard is missing", R"({"weight_map":{"a":"m-1.safetensors","b":"m-3.safetensors"}})", "a", "lists \"b\", which no file holds");
        row("lists what nobody has", R"({"weight_map":{"a":"m-1.safetensors","c":"m-1.safetensors"}})", "a", "lists \"c\"");
        row("names the other shard", R"({"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors"}})", "a b", "gives another file");
        row("does not list a tensor", R"({"weight_map":{"x":"m-2.safetensors","a":"m-1.safetensors"}})", "a b", "does not list \"b\"");
        row("begins with ./", R"({"weight_map":{"a":"./m-1.safetensors","b":"././m-2.safetensors"}})", "a b", "");
        row("in a folder of the model", R"({"weight_map":{"a":"m-1.safetensors","b":"part/m-2.safetensors"}})", "a b", "");
        row("of a doubled key the last counts", R"({"weight_map":{"a":"m-2.safetensors","a":"m-1.safetensors"}})", "a", "");
        row("Infinity in the metadata", R"({"metadata":{"total_size":Infinity},"weight_map":{"a":"m-1.safetensors"}})", "a", "");
    }
    void oddIndexesAreReadAsStockLoadersDo()
    {
        QFETCH(QByteArray, index);
        QFETCH(QString, tensors);
        QFETCH(QString, note);
        fs::create_directories(m_folder / "part");
        const std::string second = safetensors("{" + entry("b", "F32", "[1]", 0, 4) + "}", 4);
        put(m_folder / "m-1.safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        put(m_folder / "m-2.safetensors", second);
        put(m_folder / "part" / "m-2.safetensors", second);
        put(m_folder / "model.safetensors.index.json", index.toStdString());
        const auto checkpoint = Checkpoint::open(m_folder);
        QStringList found;
        for (const TensorInfo& tensor : checkpoint->tensors())
            found.append(QString::fromStdString(tensor.name));
        found.sort();
        QCOMPARE(found.join(u' '), tensors);
        QStringList notes;
        for (const std::string& said : checkpoint->notes())
            notes.append(QString::fromStdString(said));
        QVERIFY2(note.isEmpty() ? notes.isEmpty() : notes.join(u'\n').contains(note), qPrintable(notes.join(u'\n')));
        if (tensors == QLatin1String("a"))
            QCOMPARE(checkpoint->whyAbsent("b").empty(), !QString::fromUtf8(index).contains(QLatin1String("\"b\"")));
    }

    void everyTypeOfTheFormatIsListed_data()
    {
        QTest::addColumn<int>("bytes");
        for (const auto& [type, bytes] : {std::pair{"BOOL", 4}, {"U8", 4}, {"I8", 4}, {"F8_E5M2", 4}, {"F8_E4M3", 4}, {"F8_E8M0", 4}, {"F8_E4M3FNUZ", 4},
                                          {"F8_E5M2FNUZ", 4}, {"I16", 8}, {"U16", 8}, {"F16", 8}, {"BF16", 8}, {"I32", 16}, {"U32", 16}, {"F32", 16}, {"C64", 32},
                                          {"F64", 32}, {"I64", 32}, {"U64", 32}, {"F4", 2}, {"F6_E2M3", 3}, {"F6_E3M2", 3}})
            QTest::newRow(type) << bytes;
    }
    void everyTypeOfTheFormatIsListed()
    {
        QFETCH(int, bytes);
        const std::string type = QTest::currentDataTag();
        putModel(safetensors("{" + entry("a", type, "[4]", 0, static_cast<std::uint64_t>(bytes)) + "}", static_cast<std::size_t>(bytes)));
        const auto checkpoint = Checkpoint::open(m_folder);
        QCOMPARE(name(checkpoint->tensors().front().dtype), std::string_view(type));
    }

    void eightByteAndOneByteFloatsAreWeights()
    {
        std::string data;
        for (const double value : {1.5, -3.25e-3})
            append(data, value);
        data += "\x38\xb8\x01\x7e";   // E4M3: 1, -1, 2^-9, 448
        data += "\x3c\x01";             // E5M2: 1, 2^-16
        std::string bytes = safetensors("{" + entry("d", "F64", "[2]", 0, 16) + "," + entry("e", "F8_E4M3", "[4]", 16, 20) + "," + entry("f", "F8_E5M2", "[2]", 20, 22) + "}", 0);
        putModel(bytes + data);
        const auto checkpoint = Checkpoint::open(m_folder);
        QCOMPARE(checkpoint->readFloats(checkpoint->at("d")), (std::vector<float>{1.5F, -3.25e-3F}));
        QCOMPARE(checkpoint->readFloats(checkpoint->at("e")), (std::vector<float>{1, -1, std::ldexp(1.0F, -9), 448}));
        QCOMPARE(checkpoint->readFloats(checkpoint->at("f")), (std::vector<float>{1, std::ldexp(1.0F, -16)}));
    }

    /// As transformers merges shards; whichever of the files the index names.
    void ofATensorInTwoShardsTheLastCounts()
    {
        put(m_folder / "m-1.safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        put(m_folder / "twice.safetensors", safetensors("{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("b", "F32", "[1]", 4, 8) + "}", 8));
        for (const char* listed : {"m-1.safetensors", "twice.safetensors"}) {
            put(m_folder / "model.safetensors.index.json",
                std::string("{\"weight_map\":{\"a\":\"") + listed + "\",\"b\":\"twice.safetensors\",\"c\":\"m-1.safetensors\"}}");
            const auto checkpoint = Checkpoint::open(m_folder);
            QCOMPARE(checkpoint->tensors().size(), std::size_t(2));
            QCOMPARE(checkpoint->at("a").shape, (std::vector<std::int64_t>{1}));
            QVERIFY(std::any_of(checkpoint->notes().begin(), checkpoint->notes().end(),
                                [](const std::string& note) { return note.starts_with("\"a\" lies in more than one file"); }));
        }
    }

    void pointersOfGitLfsAreNamed_data()
    {
        QTest::addColumn<QString>("file");
        for (const char* file : {"model.safetensors", "model.safetensors.index.json", "config.json", "m-1.safetensors"})
            QTest::newRow(file) << QString::fromLatin1(file);
    }
    void pointersOfGitLfsAreNamed()
    {
        QFETCH(QString, file);
        const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 268435456\n";
        putModel(safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        if (file == QLatin1String("m-1.safetensors") || file.endsWith(QLatin1String("index.json"))) {
            fs::remove(m_folder / "model.safetensors");
            put(m_folder / "model.safetensors.index.json", R"({"weight_map":{"a":"m-1.safetensors"}})");
        }
        put(m_folder / file.toStdString(), pointer);
        QCOMPARE(refusal(m_folder, file, QLatin1String("is a Git LFS pointer, not the file itself: run git lfs pull")), QString());
    }

    void linksOfAHubCacheAreFollowed()
    {
        const fs::path blobs = m_folder.parent_path() / "blobs";
        fs::create_directories(blobs);
        put(blobs / "0123abc", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        fs::create_symlink("../blobs/0123abc", m_folder / "model.safetensors");
        QCOMPARE(Checkpoint::open(m_folder)->tensors().size(), std::size_t(1));
        fs::remove(m_folder / "model.safetensors");
        fs::create_symlink("/dev/zero", m_folder / "model.safetensors");
        QCOMPARE(refusal(m_folder, QLatin1String("model.safetensors"), QLatin1String("(E-R09)")), QString());
    }

    void badConfigurationsAreRefused()
    {
        putModel(safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        for (const auto& [text, rule] : {std::pair{"[]", "(E-R11)"}, {"{\"a\":infinity}", "(E-R11)"}, {"", "(E-R11)"}, {"{\"a\":", "(E-R11)"}}) {
            put(m_folder / "config.json", text);
            QCOMPARE(refusal(m_folder, QLatin1String("config.json"), QLatin1String(rule)), QString());
        }
        fs::remove(m_folder / "config.json");
        QCOMPARE(refusal(m_folder, QLatin1String("config.json"), QLatin1String("(E-R08)")), QString());
    }

    void configurationsOfPythonAreRead()
    {
        putModel(safetensors("{" + entry("a", "F32", "[2]", 0, 8) + "}", 8));
        const std::string written = "{\"a\":1,\"limit\":[0.0,Infinity,-Infinity],\"nan\":NaN,\"text\":\"Infinity, NaN\\\"\",\"a\":2}";
        const std::string read = "{\"a\":2,\"limit\":[0.0,Infinity,-Infinity],\"nan\":NaN,\"text\":\"Infinity, NaN\\\"\"}";
        put(m_folder / "config.json", written);
        const auto checkpoint = Checkpoint::open(m_folder);
        const Json& config = checkpoint->metadata();
        QCOMPARE(config["a"].get<int>(), 2);
        QVERIFY(std::isinf(config["limit"][1].get<double>()) && config["limit"][2].get<double>() < 0);
        QVERIFY(std::isnan(config["nan"].get<double>()));
        QCOMPARE(config["text"].get<std::string>(), std::string("Infinity, NaN\""));
        QCOMPARE(pythonJson(config, -1), read);
    }
};

QTEST_APPLESS_MAIN(tst_safetensors)
#include "tst_safetensors.moc"
