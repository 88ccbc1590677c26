#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace halftone {

/// The activations of all calibration samples between two stages: one float32 tensor a batch, in memory, or in an unlinked file when they
/// would not fit `budget` bytes. Slots may be rewritten.
class ActivationStream {
public:
    /// `spillFolder` is where a file would go; `budget` 0 = always memory.
    ActivationStream(std::size_t batches, std::uint64_t expectedBytes, std::uint64_t budget, const std::filesystem::path& spillFolder);
    ~ActivationStream();
    ActivationStream(const ActivationStream&) = delete;
    ActivationStream& operator=(const ActivationStream&) = delete;

    /// An undefined tensor frees the slot. @throws Error{Io} when the disk is full.
    void put(std::size_t batch, const at::Tensor& x);
    /// Undefined where the slot is free.
    at::Tensor get(std::size_t batch) const;
    /// As get() would have it, read from nowhere; empty where the slot is free.
    std::vector<std::int64_t> shape(std::size_t batch) const;
    /// Rows `first` … of the batch's first dimension; no more is read.
    at::Tensor rows(std::size_t batch, std::int64_t first, std::int64_t count) const;
    bool spilled() const { return m_fd >= 0; }

private:
    std::vector<at::Tensor> m_kept;
    struct Slot {
        std::vector<std::int64_t> shape;             ///< empty: free
        std::uint64_t offset = 0, capacity = 0;      ///< the bytes of the file that are this slot's
    };
    void read(at::Tensor& out, std::uint64_t offset) const;
    std::vector<Slot> m_slots;
    std::filesystem::path m_folder;   ///< of the file
    std::uint64_t m_end = 0;
    int m_fd = -1;
};

} // namespace halftone
