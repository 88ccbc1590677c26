#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace halftone {

/// Where a job computes: a plain value; core maps it to LibTorch's device.
struct Device {
    enum class Kind { Cpu, Cuda };
    Kind kind = Kind::Cpu;
    int index = 0;

    /// "cpu" or "cuda:N".
    std::string name() const;
    /// @throws Error{InvalidArgument} unless "cpu", "cuda" or "cuda:N".
    static Device parse(std::string_view text);
    friend bool operator==(const Device&, const Device&) = default;
};

/// How a job may use the machine.
struct ComputeOptions {
    Device device;
    int threads = 0;                 ///< 0: all cores
    std::uint64_t memoryBudget = 0;  ///< bytes; 0: no limit given
    std::uint64_t seed = 0;
};

/// For jobs that compute on the CPU alone: rather no work than work elsewhere than asked for. @throws Error{Unsupported} for another device.
void requireCpu(const ComputeOptions& options, std::string_view job);

} // namespace halftone
