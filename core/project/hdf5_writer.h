#pragma once

#include "core/project/hdf5_image.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// How a dataset lies in the file. Chunks are at most 512 KiB and carry a Fletcher-32 sum either way; what is smaller than 2 KiB is not
/// chunked.
enum class Hdf5Packing {
    Plain,       ///< codes: deflate 1 saves 12 % of 4-bit and 7 % of 8-bit codes of Gaussian weights, at 20 MB/s; not worth the wait
    Shuffled     ///< byte shuffle + deflate 1: floats that resemble each other
};

/// Builds an HDF5 file as one image in memory, so that the file on disk is written by AtomicFile in one piece and is never open for
/// writing (file-safety P03): a full disk or a killed process meets our own writer, not the library. Same calls, same bytes: no times
/// are recorded. Calls are serialised over the process. All throw Error{Io} with the library's reason.
class Hdf5Writer {
public:
    explicit Hdf5Writer(std::string subject);
    ~Hdf5Writer();
    Hdf5Writer(const Hdf5Writer&) = delete;
    Hdf5Writer& operator=(const Hdf5Writer&) = delete;

    /// "/linear-000"; parents must exist, "/" does.
    void group(const std::string& path);
    void attribute(const std::string& object, const std::string& key, std::int64_t value);
    void attribute(const std::string& object, const std::string& key, double value);
    void attribute(const std::string& object, const std::string& key, std::string_view utf8);
    template <typename T>
    void dataset(const std::string& path, std::span<const T> values, const Hdf5Shape& shape, Hdf5Packing packing);

    /// Closes the file and hands out its bytes.
    std::vector<std::byte> finish();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace halftone
