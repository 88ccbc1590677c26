#include "core/pipeline/compute_scope.h"

#include "core/algebra/fixed_pieces.h"
#include "core/base/error.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/DeviceAccelerator.h>

#include <fstream>
#include <mutex>
#include <thread>

namespace halftone {

namespace {

/// "medium" moves float32 products from MKL to oneDNN, which is twice as fast where it computes in float32, but rounds to bfloat16 on
/// processors with AMX. Accepted only when its error is within 4× of the exact mode's.
bool probeMediumPrecision()
{
    const at::NoGradGuard noGrad;
    auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
    const at::Tensor a = at::randn({256, 2048}, generator, at::kFloat);
    const at::Tensor b = at::randn({2048, 256}, generator, at::kFloat);
    const at::Tensor exact = at::matmul(a.to(at::kDouble), b.to(at::kDouble));
    auto error = [&](const std::string& precision) {
        at::globalContext().setFloat32MatmulPrecision(precision);
        return (at::matmul(a, b).to(at::kDouble) - exact).abs().max().item<double>();
    };
    const double highest = error("highest");
    const double medium = error("medium");
    const bool accepted = medium <= 4 * highest;
    at::globalContext().setFloat32MatmulPrecision(accepted ? "medium" : "highest");
    return accepted;
}

/// A line of /proc/self/status, in bytes; 0 where there is none.
std::uint64_t statusBytes(const std::string& key)
{
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word)
        if (word == key) {
            std::uint64_t kib = 0;
            status >> kib;
            return kib * 1024;
        }
    return 0;
}

bool mediumPrecision()
{
    static const bool accepted = probeMediumPrecision();
    return accepted;
}

} // namespace

struct ComputeScope::Guards {
    at::NoGradGuard noGrad;
};

ComputeScope::ComputeScope(const ComputeOptions& options)
    : m_threads(options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency())))
{
    if (options.device.kind == Device::Kind::Cuda) {
        const auto accelerator = at::accelerator::getAccelerator(false);
        if (!accelerator || *accelerator != at::kCUDA || options.device.index >= at::accelerator::deviceCount())
            throw Error(ErrorKind::Unsupported, "device " + options.device.name() + " is not there: this LibTorch sees no such GPU; use --device cpu",
                        options.device.name());
    }
    m_threads = wholeTeam(m_threads);
    at::set_num_threads(m_threads);
    m_guards = std::make_unique<Guards>();
    mediumPrecision();
    at::globalContext().setAllowTF32CuBLAS(false);
}

ComputeScope::~ComputeScope() = default;

DefaultMatrixProducts::DefaultMatrixProducts() : m_before(mediumPrecision() ? "medium" : "highest")
{
    at::globalContext().setFloat32MatmulPrecision("highest");
}

DefaultMatrixProducts::~DefaultMatrixProducts()
{
    at::globalContext().setFloat32MatmulPrecision(m_before);
}

std::string matrixProductName()
{
    return mediumPrecision() ? "oneDNN fp32" : "MKL fp32";
}

std::uint64_t peakResidentBytes()
{
    return statusBytes("VmHWM:");
}

std::uint64_t takePeakResidentBytes()
{
    const std::uint64_t peak = peakResidentBytes();
    std::ofstream("/proc/self/clear_refs") << "5";   // proc(5): resets the high water mark; nothing happens where it may not be written
    return peak;
}

std::uint64_t residentBytes()
{
    return statusBytes("VmRSS:");
}

} // namespace halftone
