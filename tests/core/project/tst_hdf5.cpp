#include "core/base/error.h"
#include "core/project/hdf5_filters.h"
#include "core/project/hdf5_reader.h"
#include "core/project/hdf5_writer.h"

#include <QTemporaryDir>
#include <QTest>

#include <hdf5.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

using namespace halftone;

namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
std::vector<T> mixed(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = static_cast<T>(i % 7 < 4 ? 0 : static_cast<int>(random() % 200) - 100);
    return values;
}

std::size_t elements(const Hdf5Shape& shape)
{
    std::size_t count = 1;
    for (const std::uint64_t size : shape)
        count *= size;
    return count;
}

template <typename T>
bool comesBack(const Hdf5Shape& shape, Hdf5Packing packing)
{
    const std::vector<T> values = mixed<T>(elements(shape), 5);
    Hdf5Writer writer("x.h5");
    writer.dataset<T>("/values", values, shape, packing);
    const Bytes image = writer.finish();
    const Hdf5Reader reader(image, "x.h5");
    return reader.shape("/values") == shape && reader.dataset<T>("/values", shape) == values && reader.image().unpackedBytes() == values.size() * sizeof(T);
}

/// A file of the library's own, as a stranger may make it.
class Stranger {
public:
    explicit Stranger(const std::function<void(hid_t file)>& fill, H5F_libver_t low = H5F_LIBVER_EARLIEST)
    {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
        H5Pset_libver_bounds(access, low, H5F_LIBVER_LATEST);
        const std::string path = m_dir.filePath("x.h5").toStdString();
        const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
        fill(file);
        H5Pclose(access);
        H5Fclose(file);
        std::ifstream in(path, std::ios::binary);
        const std::vector<char> content{std::istreambuf_iterator<char>(in), {}};
        m_image.resize(content.size());
        std::memcpy(m_image.data(), content.data(), content.size());
    }
    Bytes& image() { return m_image; }

private:
    QTemporaryDir m_dir;
    Bytes m_image;
};

/// A dataset of 4,096 floats without times, chunked unless told otherwise, with what `change` sets. It must not be `filled` where its values lie
/// in another file: the library would write into that.
void makeDataset(hid_t file, const char* name, const std::function<void(hid_t)>& change, bool chunked = true, hid_t type = H5T_IEEE_F32LE, bool filled = true)
{
    const hsize_t size = 4096, chunk = 512;
    const hid_t space = H5Screate_simple(1, &size, nullptr), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, false);
    if (chunked)
        H5Pset_chunk(properties, 1, &chunk);
    change(properties);
    const hid_t made = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    const std::vector<float> values(size, 1.5f);
    if (filled && made >= 0 && H5Tget_class(type) == H5T_FLOAT)
        H5Dwrite(made, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(made);
    H5Pclose(properties);
    H5Sclose(space);
}

void ours(hid_t properties) { H5Pset_fletcher32(properties); }

std::string reasonOf(const Bytes& image)
{
    try {
        const Hdf5Reader reader(image, "stranger/x.h5");
        return {};
    } catch (const Error& e) {
        return e.kind() == ErrorKind::BadFile ? e.what() : std::string("another kind: ") + e.what();
    }
}

struct Refused {
    const char* name;
    std::function<void(hid_t)> fill;
    const char* reason;
    H5F_libver_t low = H5F_LIBVER_EARLIEST;
};

const std::vector<Refused>& refused()
{
    static const std::vector<Refused> all = {
        {"external storage", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { H5Pset_external(p, "nowhere-to-be-found", 0, 16384); }, false, H5T_IEEE_F32LE, false); }, "external storage"},
        {"virtual dataset", [](hid_t f) { makeDataset(f, "v", [](hid_t p) {
            const hsize_t size = 4096;
            const hid_t space = H5Screate_simple(1, &size, nullptr);
            H5Pset_virtual(p, space, "nowhere-to-be-found", "d", space);
            H5Sclose(space);
        }, false, H5T_IEEE_F32LE, false); }, "version"},
        {"soft link", [](hid_t f) { H5Lcreate_soft("/elsewhere", f, "v", H5P_DEFAULT, H5P_DEFAULT); }, "link to another place"},
        {"external link", [](hid_t f) { H5Lcreate_external("other.h5", "/v", f, "v", H5P_DEFAULT, H5P_DEFAULT); }, "links of a newer form"},
        {"second hard link", [](hid_t f) { makeDataset(f, "v", ours); H5Lcreate_hard(f, "v", f, "w", H5P_DEFAULT, H5P_DEFAULT); }, "more than once"},
        {"circle of groups", [](hid_t f) { H5Gclose(H5Gcreate2(f, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); H5Lcreate_hard(f, "/", f, "g/up", H5P_DEFAULT, H5P_DEFAULT); }, "more than once"},
        {"scale-offset", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { H5Pset_scaleoffset(p, H5Z_SO_INT, 4); ours(p); }, true, H5T_STD_I32LE); }, ""},
        {"n-bit", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { H5Pset_nbit(p); ours(p); }); }, "filters that are not read"},
        {"deflate without shuffle", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { H5Pset_deflate(p, 1); }); }, "filters that are not read"},
        {"filters in another order", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { ours(p); H5Pset_shuffle(p); H5Pset_deflate(p, 1); }); }, "filters that are not read"},
        {"no sum", [](hid_t f) { makeDataset(f, "v", [](hid_t) {}); }, "without a sum"},
        {"times", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { ours(p); H5Pset_obj_track_times(p, true); }); }, "a time"},
        {"fill value", [](hid_t f) { makeDataset(f, "v", [](hid_t p) { ours(p); const float fill = 1; H5Pset_fill_value(p, H5T_NATIVE_FLOAT, &fill); }); }, "fill value"},
        {"big-endian", [](hid_t f) { makeDataset(f, "v", ours, true, H5T_IEEE_F32BE); }, "type"},
        {"half floats by another name", [](hid_t f) {
            const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
            H5Tset_fields(type, 15, 10, 5, 0, 10);
            H5Tset_ebias(type, 15);
            makeDataset(f, "v", ours, true, type);
            H5Tclose(type);
        }, "type"},
        {"texts of any length", [](hid_t f) {
            const hid_t type = H5Tcopy(H5T_C_S1);
            H5Tset_size(type, H5T_VARIABLE);
            makeDataset(f, "v", [](hid_t) {}, false, type);
            H5Tclose(type);
        }, "type"},
        {"references", [](hid_t f) { makeDataset(f, "v", ours, true, H5T_STD_REF_OBJ); }, "type"},
        {"named type", [](hid_t f) { const hid_t type = H5Tcopy(H5T_IEEE_F32LE); H5Tcommit2(f, "t", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT); makeDataset(f, "v", ours, true, type); H5Tclose(type); }, ""},
        {"compact", [](hid_t f) { const hsize_t size = 4; const hid_t space = H5Screate_simple(1, &size, nullptr), p = H5Pcreate(H5P_DATASET_CREATE); H5Pset_obj_track_times(p, false); H5Pset_layout(p, H5D_COMPACT);
            H5Dclose(H5Dcreate2(f, "v", H5T_IEEE_F32LE, space, H5P_DEFAULT, p, H5P_DEFAULT)); H5Pclose(p); H5Sclose(space); }, "layout 0"},
        {"growing", [](hid_t f) { const hsize_t size = 512, most = H5S_UNLIMITED; const hid_t space = H5Screate_simple(1, &size, &most), p = H5Pcreate(H5P_DATASET_CREATE); H5Pset_obj_track_times(p, false); H5Pset_chunk(p, 1, &size); ours(p);
            H5Dclose(H5Dcreate2(f, "v", H5T_IEEE_F32LE, space, H5P_DEFAULT, p, H5P_DEFAULT)); H5Pclose(p); H5Sclose(space); }, "may grow"},
        {"chunks that were never written", [](hid_t f) { const hsize_t size = 512; const hid_t space = H5Screate_simple(1, &size, nullptr), p = H5Pcreate(H5P_DATASET_CREATE); H5Pset_obj_track_times(p, false); H5Pset_chunk(p, 1, &size); ours(p);
            H5Dclose(H5Dcreate2(f, "v", H5T_IEEE_F32LE, space, H5P_DEFAULT, p, H5P_DEFAULT)); H5Pclose(p); H5Sclose(space); }, "index"},
        {"a comment", [](hid_t f) { makeDataset(f, "v", ours); H5Oset_comment_by_name(f, "v", "hello", H5P_DEFAULT); }, "a comment"},
        {"an array as an attribute", [](hid_t f) { const hsize_t size = 4; const hid_t space = H5Screate_simple(1, &size, nullptr); H5Aclose(H5Acreate2(f, "a", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT)); H5Sclose(space); }, "dimensions"},
        {"an odd name", [](hid_t f) { makeDataset(f, "v\x1b[2J", ours); }, "name"},
        {"a name that is too long", [](hid_t f) { makeDataset(f, std::string(300, 'n').c_str(), ours); }, "too long"},
        {"groups below groups", [](hid_t f) { for (const char* path : {"/a", "/a/b", "/a/b/c", "/a/b/c/d"}) H5Gclose(H5Gcreate2(f, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); }, "too deep"},
        {"the newest format", [](hid_t f) { makeDataset(f, "v", ours); }, "another version", H5F_LIBVER_LATEST},
        {"a bomb", [](hid_t f) { const hsize_t size = 100u << 20, chunk = 1u << 20; const hid_t space = H5Screate_simple(1, &size, nullptr), p = H5Pcreate(H5P_DATASET_CREATE); H5Pset_obj_track_times(p, false); H5Pset_chunk(p, 1, &chunk);
            H5Pset_shuffle(p); H5Pset_deflate(p, 9); ours(p); const hid_t made = H5Dcreate2(f, "v", H5T_STD_U8LE, space, H5P_DEFAULT, p, H5P_DEFAULT); const std::vector<std::uint8_t> zeros(size);
            H5Dwrite(made, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data()); H5Dclose(made); H5Pclose(p); H5Sclose(space); }, "more values than"},
    };
    return all;
}

/// Whether `image` is read without anything but BadFile. What is read is returned in `values`.
bool readsOrRefuses(const Bytes& image)
{
    try {
        const Hdf5Reader reader(image, "x.h5");
        for (const auto& [path, object] : reader.image().objects())
            if (object.dataset && object.dataset->type == Hdf5Type::Float)
                reader.dataset<float>(path, object.dataset->shape);
        return true;
    } catch (const Error& e) {
        return e.kind() == ErrorKind::BadFile;
    }
}

Bytes smallImage()
{
    Hdf5Writer writer("x.h5");
    writer.attribute("/", "content", "halftone block");
    writer.group("/linear-000");
    writer.attribute("/linear-000", "damping", 0.25);
    writer.dataset<float>("/linear-000/scale", mixed<float>(600, 1), {20, 30}, Hdf5Packing::Shuffled);
    writer.dataset<float>("/linear-000/range", mixed<float>(9, 2), {9}, Hdf5Packing::Shuffled);
    return writer.finish();
}

std::uint64_t u64(const Bytes& image, std::size_t at)
{
    std::uint64_t value = 0;
    std::memcpy(&value, image.data() + at, sizeof value);
    return value;
}

} // namespace

class TestHdf5 : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyTypeAndShapeComesBack_data()
    {
        QTest::addColumn<QList<qulonglong>>("sides");
        const QList<QList<qulonglong>> shapes{{0}, {1}, {7}, {512}, {513}, {2049}, {3, 0}, {1, 1}, {65, 63}, {3, 200000}, {700, 300}, {2, 3, 4, 5}, {5, 7, 2000, 9}, {70, 131072}};
        for (const QList<qulonglong>& sides : shapes) {
            QStringList text;
            for (const qulonglong side : sides)
                text << QString::number(side);
            QTest::newRow(qPrintable(text.join("x"))) << sides;
        }
    }
    void everyTypeAndShapeComesBack()
    {
        QFETCH(QList<qulonglong>, sides);
        const Hdf5Shape shape(sides.begin(), sides.end());
        for (const Hdf5Packing packing : {Hdf5Packing::Plain, Hdf5Packing::Shuffled}) {
            QVERIFY(comesBack<float>(shape, packing));
            QVERIFY(comesBack<std::uint8_t>(shape, packing));
            if (elements(shape) > 1'000'000)
                continue;
            QVERIFY(comesBack<double>(shape, packing));
            QVERIFY(comesBack<std::int8_t>(shape, packing));
            QVERIFY(comesBack<std::int32_t>(shape, packing));
            QVERIFY(comesBack<std::int64_t>(shape, packing));
        }
    }

    void whatDeflateCannotShortenComesBack()
    {
        std::mt19937 random(3);
        std::vector<std::int32_t> values(300'000);
        for (std::int32_t& value : values)
            value = static_cast<std::int32_t>(random());
        Hdf5Writer writer("x.h5");
        writer.dataset<std::int32_t>("/noise", values, {3, 100'000}, Hdf5Packing::Shuffled);
        const Bytes image = writer.finish();
        QVERIFY((Hdf5Reader(image, "x.h5").dataset<std::int32_t>("/noise", {3, 100'000}) == values));
    }

    void manyGroupsAndAttributesComeBack()
    {
        constexpr int kGroups = 1500;   // an index of several levels
        Hdf5Writer writer("x.h5");
        const auto path = [](int i) { return "/linear-" + std::to_string(i); };
        for (int i = 0; i < kGroups; ++i) {
            writer.group(path(i));
            for (int a = 0; a < 12; ++a)
                writer.attribute(path(i), "key_" + std::to_string(a), std::int64_t{i} * 100 + a);
            writer.attribute(path(i), "name", "Größe " + std::to_string(i));
            writer.attribute(path(i), "share", 1.0 / (i + 1));
        }
        const Bytes image = writer.finish();
        const Hdf5Reader reader(image, "x.h5");
        QCOMPARE(reader.image().objects().size(), std::size_t{kGroups + 1});
        for (int i = 0; i < kGroups; ++i) {
            QCOMPARE(reader.integer(path(i), "key_11"), std::int64_t{i} * 100 + 11);
            QCOMPARE(reader.text(path(i), "name"), "Größe " + std::to_string(i));
            QCOMPARE(reader.real(path(i), "share"), 1.0 / (i + 1));
            QVERIFY(!reader.hasAttribute(path(i), "key_12") && !reader.has(path(i) + "/codes"));
        }
    }

    void otherTypesAndShapesThanAskedForAreRefused()
    {
        const Bytes image = smallImage();
        const Hdf5Reader reader(image, "some/x.h5");
        const auto reason = [](const std::function<void()>& deed) {
            try {
                deed();
            } catch (const Error& e) {
                return QString::fromUtf8(e.what());
            }
            return QString();
        };
        QCOMPARE(reason([&] { reader.dataset<float>("/linear-000/none"); }), "some/x.h5: has no dataset /linear-000/none.");
        QCOMPARE(reason([&] { reader.dataset<float>("/linear-000"); }), "some/x.h5: has no dataset /linear-000.");
        QCOMPARE(reason([&] { reader.dataset<double>("/linear-000/range"); }), "some/x.h5: /linear-000/range has another type than expected.");
        QCOMPARE(reason([&] { reader.dataset<float>("/linear-000/scale", {30, 20}); }), "some/x.h5: /linear-000/scale has another shape than expected.");
        QCOMPARE(reason([&] { reader.dataset<float>("/linear-000/scale"); }), "some/x.h5: /linear-000/scale has another shape than expected.");
        QCOMPARE(reason([&] { reader.integer("/linear-000", "damping"); }), "some/x.h5: /linear-000 @damping has another type than expected.");
        QCOMPARE(reason([&] { reader.integer("/linear-000", "rank"); }), "some/x.h5: /linear-000 has no attribute \"rank\".");
        QCOMPARE(reason([&] { reader.text("/linear-001", "name"); }), "some/x.h5: has no /linear-001.");
    }

    void whatTheLibraryWritesInOurFormIsRead()
    {
        Stranger file([](hid_t f) { makeDataset(f, "v", ours); });
        QCOMPARE(reasonOf(file.image()), std::string());
        QVERIFY(Hdf5Reader(file.image(), "x.h5").dataset<float>("/v") == std::vector<float>(4096, 1.5f));
    }

    void whatIsNeverWrittenIsRefused_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < refused().size(); ++i)
            QTest::newRow(refused()[i].name) << static_cast<int>(i);
    }
    void whatIsNeverWrittenIsRefused()
    {
        QFETCH(int, index);
        const Refused& what = refused()[static_cast<std::size_t>(index)];
        Stranger file(what.fill, what.low);
        const std::string reason = reasonOf(file.image());
        QVERIFY2(reason.starts_with("stranger/x.h5: ") && reason.find(what.reason) != std::string::npos, reason.empty() ? "it is read" : reason.c_str());
    }

    /// Links counted as one each: the bytes of an object belong to one place.
    void anObjectNamedTwiceIsRefusedThoughItsCountSaysOne()
    {
        Stranger file([](hid_t f) { makeDataset(f, "v", ours); H5Lcreate_hard(f, "v", f, "w", H5P_DEFAULT, H5P_DEFAULT); });
        Bytes& image = file.image();
        int patched = 0;
        for (std::size_t at = 96; at + 16 <= image.size(); at += 8)   // a header of version 1 with two references
            if (image[at] == std::byte{1} && image[at + 1] == std::byte{0} && image[at + 4] == std::byte{2} && image[at + 5] == std::byte{0} && image[at + 6] == std::byte{0} && image[at + 2] < std::byte{9}) {
                image[at + 4] = std::byte{1};
                ++patched;
            }
        QVERIFY(patched > 0);
        QVERIFY2(reasonOf(image).find("overlap or are named twice") != std::string::npos, reasonOf(image).c_str());
    }

    void aDamagedValueIsNoticed()
    {
        Bytes image = smallImage();
        const Hdf5Reader whole(image, "x.h5");
        const auto stored = whole.image().find("/linear-000/scale")->dataset->chunks.at(0).stored;
        const auto first = static_cast<std::size_t>(stored.data() - image.data());
        for (const std::size_t at : {first, first + stored.size() / 2, first + stored.size() - 1}) {
            Bytes damaged = image;
            damaged[at] ^= std::byte{0x10};
            const Hdf5Reader reader(damaged, "x.h5");
            QVERIFY_THROWS_EXCEPTION(Error, reader.dataset<float>("/linear-000/scale", {20, 30}));
        }
    }

    /// Deterministic and aimed: each byte of an image that is not a value takes values that lengths, addresses, versions and counts dislike; sums of
    /// chunks are set right after a chunk was changed.
    void noByteOfAnImageDoesHarm()
    {
        const Bytes image = smallImage();
        for (std::size_t at = 0; at < image.size(); ++at)
            for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0x80u, 0xffu, std::to_integer<unsigned>(image[at]) ^ 1u, std::to_integer<unsigned>(image[at]) + 8u}) {
                Bytes changed = image;
                changed[at] = static_cast<std::byte>(value);
                QVERIFY2(readsOrRefuses(changed), qPrintable(QString("byte %1 as %2").arg(at).arg(value)));
            }
        for (std::size_t at = 0; at + 8 <= image.size(); at += 8)   // whole addresses and lengths
            for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{96}, u64(image, 64), u64(image, 80), u64(image, 88), std::uint64_t{image.size() - 1}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
                Bytes changed = image;
                std::memcpy(changed.data() + at, &value, sizeof value);
                QVERIFY2(readsOrRefuses(changed), qPrintable(QString("word at %1 as %2").arg(at).arg(value)));
            }
        for (std::size_t length = 0; length < image.size(); length += 13)
            QVERIFY(!reasonOf(Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(length))).empty());
    }

    void noByteOfADeflatedChunkDoesHarm()
    {
        const Bytes image = smallImage();
        const Hdf5Reader whole(image, "x.h5");
        const auto stored = whole.image().find("/linear-000/scale")->dataset->chunks.at(0).stored;
        const auto first = static_cast<std::size_t>(stored.data() - image.data());
        const std::size_t length = stored.size() - 4;
        std::mt19937 random(11);
        for (int turn = 0; turn < 4000; ++turn) {
            Bytes changed = image;
            for (unsigned i = 0; i < 1 + random() % 3; ++i)
                changed[first + random() % length] = static_cast<std::byte>(random() & 255);
            const std::uint32_t sum = fletcher32(std::span(changed).subspan(first, length));
            std::memcpy(changed.data() + first + length, &sum, sizeof sum);
            QVERIFY(readsOrRefuses(changed));
        }
    }
};

QTEST_GUILESS_MAIN(TestHdf5)
#include "tst_hdf5.moc"
