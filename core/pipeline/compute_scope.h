#pragma once

#include "core/base/device.h"
#include "core/model/foreign_errors.h"

#include <cstdint>
#include <memory>
#include <string>

namespace halftone {

/// Opened first thing by every job on its own thread: thread count, no-grad, float32 matrix products through oneDNN where a start-up probe
/// shows float32 accuracy (libtorch-notes §4), no TF32.
class ComputeScope {
public:
    /// @throws Error{Unsupported} for a device that LibTorch does not see here.
    explicit ComputeScope(const ComputeOptions& options);
    ~ComputeScope();
    ComputeScope(const ComputeScope&) = delete;
    ComputeScope& operator=(const ComputeScope&) = delete;

    int threads() const { return m_threads; }

private:
    struct Guards;
    std::unique_ptr<Guards> m_guards;
    int m_threads;
};

/// While it lives, float32 matrix products are MKL's, as in a Python process that has chosen nothing (half as fast as what ComputeScope may choose).
class DefaultMatrixProducts {
public:
    DefaultMatrixProducts();
    ~DefaultMatrixProducts();
    DefaultMatrixProducts(const DefaultMatrixProducts&) = delete;
    DefaultMatrixProducts& operator=(const DefaultMatrixProducts&) = delete;

private:
    std::string m_before;
};

/// Which matrix product the probe chose: "oneDNN fp32" or "MKL fp32".
std::string matrixProductName();

/// Most bytes this process held resident since the last takePeakResidentBytes(), or ever (VmHWM).
std::uint64_t peakResidentBytes();
/// The same, and the count starts anew where the system lets it.
std::uint64_t takePeakResidentBytes();
/// Bytes this process holds resident now.
std::uint64_t residentBytes();

} // namespace halftone
