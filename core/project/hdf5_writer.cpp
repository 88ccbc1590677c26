#include "core/project/hdf5_writer.h"

#include "core/base/error.h"
#include "core/base/log.h"

#include <hdf5.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <utility>

namespace halftone {
namespace {

constexpr std::uint64_t kChunkBytes = 512u << 10;
constexpr std::uint64_t kContiguousBytes = 2048;   ///< a chunk's index alone would take more; the file's hash guards these
constexpr int kMaxRank = 4;

/// One caller at a time, with the library's own error printing off and its plug-ins disabled.
class LibraryLock {
public:
    LibraryLock() : m_lock(mutex())
    {
        static const bool once = [] {
            H5open();
            H5PLset_loading_state(0);
            return true;
        }();
        static_cast<void>(once);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }

private:
    static std::mutex& mutex()
    {
        static std::mutex one;
        return one;
    }
    std::lock_guard<std::mutex> m_lock;
};

/// A name for an image in memory. The library wants one that no file bears and that no other open image has.
std::string imageName()
{
    static std::atomic<std::uint64_t> count{0};
    return "/halftone-image-in-memory/" + std::to_string(count++);
}

std::string libraryReason()
{
    std::string reason;
    const auto keepInnermost = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
        if (error->desc)
            *static_cast<std::string*>(to) = error->desc;
        return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keepInnermost, &reason);
    return reason.empty() ? "no reason given" : reason;
}

/// Owns one library identifier. close() reports, the destructor only logs.
class Handle {
public:
    using Close = herr_t (*)(hid_t);
    Handle() = default;
    Handle(hid_t id, Close closer) : m_id(id), m_close(closer) {}
    Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, H5I_INVALID_HID)), m_close(other.m_close) {}
    Handle& operator=(Handle&& other) noexcept
    {
        std::swap(m_id, other.m_id);
        std::swap(m_close, other.m_close);
        return *this;
    }
    ~Handle()
    {
        if (m_id >= 0 && m_close(m_id) < 0)
            log(LogLevel::Warning, "HDF5 could not close an object: " + libraryReason());
    }
    bool close() { return m_id < 0 || m_close(std::exchange(m_id, H5I_INVALID_HID)) >= 0; }
    operator hid_t() const { return m_id; }

private:
    hid_t m_id = H5I_INVALID_HID;
    Close m_close = nullptr;
};

template <typename T> hid_t memoryType();
template <> hid_t memoryType<float>() { return H5T_NATIVE_FLOAT; }
template <> hid_t memoryType<double>() { return H5T_NATIVE_DOUBLE; }
template <> hid_t memoryType<std::int8_t>() { return H5T_NATIVE_INT8; }
template <> hid_t memoryType<std::uint8_t>() { return H5T_NATIVE_UINT8; }
template <> hid_t memoryType<std::int32_t>() { return H5T_NATIVE_INT32; }
template <> hid_t memoryType<std::int64_t>() { return H5T_NATIVE_INT64; }

template <typename T> hid_t fileType();
template <> hid_t fileType<float>() { return H5T_IEEE_F32LE; }
template <> hid_t fileType<double>() { return H5T_IEEE_F64LE; }
template <> hid_t fileType<std::int8_t>() { return H5T_STD_I8LE; }
template <> hid_t fileType<std::uint8_t>() { return H5T_STD_U8LE; }
template <> hid_t fileType<std::int32_t>() { return H5T_STD_I32LE; }
template <> hid_t fileType<std::int64_t>() { return H5T_STD_I64LE; }

/// Whole rows of at most kChunkBytes, or a part of one row.
Hdf5Shape chunkShape(const Hdf5Shape& shape, std::uint64_t elementBytes)
{
    Hdf5Shape chunk = shape;
    std::uint64_t bytes = elementBytes;
    for (std::size_t d = shape.size(); d-- > 0;) {
        const std::uint64_t fits = std::max<std::uint64_t>(1, kChunkBytes / bytes);
        chunk[d] = std::min(shape[d], fits);
        bytes *= chunk[d];
    }
    return chunk;
}

} // namespace

struct Hdf5Writer::State {
    std::string subject;
    Handle file;

    hid_t need(hid_t id, const std::string& what) const
    {
        if (id < 0)
            throw Error(ErrorKind::Io, subject + ": HDF5 could not make " + what + ": " + libraryReason() + ".", subject);
        return id;
    }
    void check(bool good, const std::string& what) const
    {
        if (!good)
            throw Error(ErrorKind::Io, subject + ": HDF5 could not write " + what + ": " + libraryReason() + ".", subject);
    }

    template <typename Write>
    void attribute(const std::string& object, const std::string& key, hid_t type, const Write& write) const
    {
        const std::string what = object + " @" + key;
        const Handle space(need(H5Screate(H5S_SCALAR), what), H5Sclose);
        const Handle owner(need(H5Oopen(file, object.c_str(), H5P_DEFAULT), what), H5Oclose);
        Handle made(need(H5Acreate2(owner, key.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), what), H5Aclose);
        check(write(made) >= 0, what);
        check(made.close(), what);
    }
};

Hdf5Writer::Hdf5Writer(std::string subject) : m_state(std::make_unique<State>())
{
    const LibraryLock lock;
    m_state->subject = std::move(subject);
    const State& s = *m_state;
    const Handle access(s.need(H5Pcreate(H5P_FILE_ACCESS), "the file"), H5Pclose);
    s.check(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V110) >= 0, "the file");
    s.check(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0, "the file");
    constexpr std::size_t kGrowth = 1u << 20;
    s.check(H5Pset_fapl_core(access, kGrowth, false) >= 0, "the file");
    m_state->file = Handle(s.need(H5Fcreate(imageName().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), "the file"), H5Fclose);
}

Hdf5Writer::~Hdf5Writer()
{
    const LibraryLock lock;
    m_state.reset();
}

void Hdf5Writer::group(const std::string& path)
{
    const LibraryLock lock;
    const State& s = *m_state;
    const Handle properties(s.need(H5Pcreate(H5P_GROUP_CREATE), path), H5Pclose);
    s.check(H5Pset_obj_track_times(properties, false) >= 0, path);
    Handle made(s.need(H5Gcreate2(s.file, path.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), path), H5Gclose);
    s.check(made.close(), path);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& key, std::int64_t value)
{
    const LibraryLock lock;
    m_state->attribute(object, key, H5T_STD_I64LE, [&](hid_t id) { return H5Awrite(id, H5T_NATIVE_INT64, &value); });
}

void Hdf5Writer::attribute(const std::string& object, const std::string& key, double value)
{
    const LibraryLock lock;
    m_state->attribute(object, key, H5T_IEEE_F64LE, [&](hid_t id) { return H5Awrite(id, H5T_NATIVE_DOUBLE, &value); });
}

void Hdf5Writer::attribute(const std::string& object, const std::string& key, std::string_view utf8)
{
    const LibraryLock lock;
    const State& s = *m_state;
    const Handle type(s.need(H5Tcopy(H5T_C_S1), key), H5Tclose);
    s.check(H5Tset_size(type, utf8.size() + 1) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 && H5Tset_strpad(type, H5T_STR_NULLTERM) >= 0,
        key);
    const std::string terminated(utf8);
    s.attribute(object, key, type, [&](hid_t id) { return H5Awrite(id, type, terminated.c_str()); });
}

template <typename T>
void Hdf5Writer::dataset(const std::string& path, std::span<const T> values, const Hdf5Shape& shape, Hdf5Packing packing)
{
    std::uint64_t elements = 1;
    for (const std::uint64_t size : shape)
        elements *= size;
    if (shape.empty() || shape.size() > kMaxRank || elements != values.size())
        throw Error(ErrorKind::Internal, m_state->subject + ": the shape of " + path + " does not hold its "
            + std::to_string(values.size()) + " values.");
    const LibraryLock lock;
    const State& s = *m_state;
    const auto rank = static_cast<int>(shape.size());
    const std::vector<hsize_t> sizes(shape.begin(), shape.end());
    const Handle space(s.need(H5Screate_simple(rank, sizes.data(), nullptr), path), H5Sclose);
    const Handle properties(s.need(H5Pcreate(H5P_DATASET_CREATE), path), H5Pclose);
    s.check(H5Pset_obj_track_times(properties, false) >= 0, path);
    if (elements * sizeof(T) > kContiguousBytes) {
        const Hdf5Shape chunk = chunkShape(shape, sizeof(T));
        const std::vector<hsize_t> chunkSizes(chunk.begin(), chunk.end());
        s.check(H5Pset_chunk(properties, rank, chunkSizes.data()) >= 0, path);
        if (packing == Hdf5Packing::Shuffled)
            s.check(H5Pset_shuffle(properties) >= 0 && H5Pset_deflate(properties, 1) >= 0, path);
        s.check(H5Pset_fletcher32(properties) >= 0, path);
    }
    Handle made(s.need(H5Dcreate2(s.file, path.c_str(), fileType<T>(), space, H5P_DEFAULT, properties, H5P_DEFAULT), path), H5Dclose);
    if (elements > 0)
        s.check(H5Dwrite(made, memoryType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0, path);
    s.check(made.close(), path);
}

std::vector<std::byte> Hdf5Writer::finish()
{
    const LibraryLock lock;
    State& s = *m_state;
    s.check(H5Fflush(s.file, H5F_SCOPE_GLOBAL) >= 0, "the file");
    const ssize_t size = H5Fget_file_image(s.file, nullptr, 0);
    s.check(size > 0, "the file");
    std::vector<std::byte> image(static_cast<std::size_t>(size));
    s.check(H5Fget_file_image(s.file, image.data(), image.size()) == size, "the file");
    s.check(s.file.close(), "the file");
    return image;
}

#define HALFTONE_HDF5_TYPE(T) \
    template void Hdf5Writer::dataset<T>(const std::string&, std::span<const T>, const Hdf5Shape&, Hdf5Packing);
HALFTONE_HDF5_TYPE(float)
HALFTONE_HDF5_TYPE(double)
HALFTONE_HDF5_TYPE(std::int8_t)
HALFTONE_HDF5_TYPE(std::uint8_t)
HALFTONE_HDF5_TYPE(std::int32_t)
HALFTONE_HDF5_TYPE(std::int64_t)
#undef HALFTONE_HDF5_TYPE

} // namespace halftone
