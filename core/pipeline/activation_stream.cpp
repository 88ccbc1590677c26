#include "core/pipeline/activation_stream.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"

#include <ATen/ATen.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace halftone {

ActivationStream::ActivationStream(std::size_t batches, std::uint64_t expectedBytes, std::uint64_t budget, const std::filesystem::path& spillFolder)
{
    if (budget == 0 || expectedBytes <= budget) {
        m_kept.resize(batches);
        return;
    }
    requireDiskSpace(spillFolder, expectedBytes);
    m_folder = spillFolder;
    std::string name = (spillFolder / "stream-XXXXXX").string();
    m_fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (m_fd < 0)
        failIo(spillFolder, "a file for activations cannot be made", errno);
    ::unlink(name.c_str());   // gone with the process, however it ends
    m_slots.resize(batches);
}

ActivationStream::~ActivationStream()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

void ActivationStream::put(std::size_t batch, const at::Tensor& x)
{
    if (m_fd < 0) {
        m_kept[batch] = x;
        return;
    }
    Slot& slot = m_slots[batch];
    if (!x.defined()) {   // the file's range stays for the next put
        slot.shape.clear();
        return;
    }
    const at::Tensor source = x.contiguous();
    const auto bytes = static_cast<std::uint64_t>(source.numel()) * sizeof(float);
    if (slot.capacity < bytes) {
        slot.offset = m_end;
        slot.capacity = bytes;
        m_end += bytes;
    }
    slot.shape = source.sizes().vec();
    const char* data = static_cast<const char*>(source.const_data_ptr());
    for (std::uint64_t done = 0; done < bytes;) {
        const ssize_t n = ::pwrite(m_fd, data + done, bytes - done, static_cast<off_t>(slot.offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            failIo(m_folder, "activations cannot be written (a larger --memory-budget spills less)", n < 0 ? errno : ENOSPC, m_end);
        done += static_cast<std::uint64_t>(n);
    }
}

at::Tensor ActivationStream::get(std::size_t batch) const
{
    if (m_fd < 0)
        return m_kept[batch];
    const Slot& slot = m_slots[batch];
    if (slot.shape.empty())
        return {};
    at::Tensor out = at::empty(slot.shape, at::kFloat);
    read(out, slot.offset);
    return out;
}

std::vector<std::int64_t> ActivationStream::shape(std::size_t batch) const
{
    if (m_fd >= 0)
        return m_slots[batch].shape;
    return m_kept[batch].defined() ? m_kept[batch].sizes().vec() : std::vector<std::int64_t>();
}

at::Tensor ActivationStream::rows(std::size_t batch, std::int64_t first, std::int64_t count) const
{
    std::vector<std::int64_t> shape = this->shape(batch);
    if (shape.empty() || first < 0 || count < 0 || first > shape[0] - count)
        throw Error(ErrorKind::Internal, "rows " + std::to_string(first) + " to " + std::to_string(first + count) + " are asked of an activation that does not have them");
    if (m_fd < 0)
        return m_kept[batch].narrow(0, first, count);
    const auto row = static_cast<std::uint64_t>(m_slots[batch].shape[0] > 0 ? c10::multiply_integers(shape) / shape[0] : 0) * sizeof(float);
    shape[0] = count;
    at::Tensor out = at::empty(shape, at::kFloat);
    read(out, m_slots[batch].offset + static_cast<std::uint64_t>(first) * row);
    return out;
}

/// Fills a tensor from the file.
void ActivationStream::read(at::Tensor& out, std::uint64_t offset) const
{
    char* data = static_cast<char*>(out.mutable_data_ptr());
    const auto bytes = static_cast<std::uint64_t>(out.numel()) * sizeof(float);
    for (std::uint64_t done = 0; done < bytes;) {
        const ssize_t n = ::pread(m_fd, data + done, bytes - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            throw Error(ErrorKind::Io, m_folder.string() + ": spilled activations cannot be read back", m_folder.string());
        done += static_cast<std::uint64_t>(n);
    }
}

} // namespace halftone
