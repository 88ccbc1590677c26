#pragma once

#include "core/project/hdf5_image.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace halftone {

/// Reads what Hdf5Writer wrote, and nothing else, with our own code: an image from a stranger never meets the library (file-safety R16).
/// All throw Error{BadFile} naming the file and the object. The image must outlive the reader; threads may share one.
class Hdf5Reader {
public:
    Hdf5Reader(std::span<const std::byte> image, std::string subject);

    bool has(const std::string& path) const;
    bool hasAttribute(const std::string& object, const std::string& key) const;
    std::int64_t integer(const std::string& object, const std::string& key) const;
    double real(const std::string& object, const std::string& key) const;
    std::string text(const std::string& object, const std::string& key) const;
    Hdf5Shape shape(const std::string& dataset) const;
    /// The stored type must be T. `expected` empty: any shape of one dimension.
    template <typename T>
    std::vector<T> dataset(const std::string& path, const Hdf5Shape& expected = {}) const;
    const std::string& subject() const { return m_subject; }
    const Hdf5Image& image() const { return m_image; }

private:
    [[noreturn]] void bad(const std::string& what) const;
    std::span<const std::byte> attribute(const std::string& object, const std::string& key, Hdf5Type type) const;
    const Hdf5Image::Dataset& datasetAt(const std::string& path) const;

    std::string m_subject;
    Hdf5Image m_image;
};

} // namespace halftone
