// Rates of the fused kernels, as one JSON document on stdout: bench_kernels [THREADS]
// Giga-elements a second at 2048 × 4096 (the quantizers of a model at 2048 × 1536), best of several; milliseconds for the roundings.

#include "core/analysis/magnitude_sketch.h"
#include "core/analysis/moment_kernels.h"
#include "core/methods/hessian.h"
#include "core/methods/rounding.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

using namespace halftone;

namespace {

double bestSeconds(const std::function<void()>& work, int repeats)
{
    work();
    double best = 1e30;
    for (int i = 0; i < repeats; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

const char* separator = "";

void print(const char* name, double value)
{
    std::printf("%s\n  \"%s\": %.4g", separator, name, value);
    separator = ",";
}

} // namespace

int main(int argc, char** argv)
{
    at::set_num_threads(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
    at::manual_seed(1);
    constexpr std::int64_t kRows = 2048, kColumns = 4096;
    const at::Tensor x = at::randn({1, kRows, kColumns});
    const std::span<const float> values(x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel()));
    const double elements = static_cast<double>(x.numel()) / 1e9;

    std::printf("{");
    std::printf("\n  \"instruction_set\": \"%s\"", kernels::instructionSet());
    separator = ",";
    print("threads", at::get_num_threads());
    at::Tensor copy = at::empty_like(x);
    print("copy_gelem_s", elements / bestSeconds([&] { copy.copy_(x); }, 15));
    for (const int bits : {8, 4}) {
        const at::Tensor site = at::randn({1, 2048, 1536});   // small enough that the allocator reuses the result's pages
        const double siteElements = static_cast<double>(site.numel()) / 1e9;
        const ActivationQuantizer token({ActivationScheme::PerToken, bits}, {}), cross({ActivationScheme::Cross, bits}, {});
        char name[64];
        std::vector<float> out(values.size());
        std::snprintf(name, sizeof name, "fake_quantize_per_token_a%d_gelem_s", bits);
        print(name, elements / bestSeconds([&] { kernels::fakeQuantizePerToken(values, kRows, kColumns, symmetricMax(bits), kAbsmaxFloor, out); }, 15));
        std::snprintf(name, sizeof name, "apply_per_token_a%d_gelem_s", bits);
        print(name, siteElements / bestSeconds([&] { token.apply(site); }, 15));
        std::snprintf(name, sizeof name, "apply_cross_a%d_gelem_s", bits);
        print(name, siteElements / bestSeconds([&] { cross.apply(site); }, 15));
    }
    {
        std::vector<float> t(kRows), c(kColumns, 0.0f);
        kernels::absmax(values, kRows, kColumns, t, c);
        const std::vector<float> perToken = crossRowScales(t, 1, 127), cross = crossRowScales(t, 0.15, 127), column = crossColumnScales(c, 0.15, 127),
                                 channel = crossColumnScales(c, 0, 127);
        print("absmax_gelem_s", elements / bestSeconds([&] { kernels::absmax(values, kRows, kColumns, t, c); }, 15));
        print("count_cross_gelem_s", elements / bestSeconds([&] { kernels::countKernel(values, kRows, kColumns, cross, column, 127); }, 15));
        const std::vector<kernels::SchemeScales> five{{perToken, {}}, {perToken, {}}, {{}, channel}, {cross, column}, {cross, column}};
        std::vector<KernelCounts> counts(5);
        print("count_five_grids_gelem_s", elements / bestSeconds([&] { kernels::countKernels(values, kRows, kColumns, five, 127, counts); }, 15));
        print("moments_gelem_s", elements / bestSeconds([&] { ColumnMoments moments(kColumns); moments.add(values.data(), kRows); }, 15));
        print("sketch_gelem_s", elements / bestSeconds([&] { MagnitudeSketch sketch; sketch.add(values); }, 15));
    }
    {
        const at::Tensor w = at::randn({kRows, kColumns}) * 0.02;
        print("round_w4_g128_gelem_s", elements / bestSeconds([&] { quantizeToNearest(w, {.bits = 4, .group = 128}); }, 7));
        print("round_w4_g128_clipped_gelem_s",
              elements / bestSeconds([&] { quantizeToNearest(w, {.bits = 4, .group = 128, .clip = WeightGrid::Clip::Mse}); }, 2));
    }
    {
        const at::Tensor activations = at::randn({4096, 1536});
        HessianAccumulator accumulator(1536);
        print("hessian_1536_gflop_s", 4096.0 * 1536 * 1536 / 1e9 / bestSeconds([&] { accumulator.add(activations); }, 3));   // half of the products
        const at::Tensor h = accumulator.finish();
        print("factor_1536_ms", 1e3 * bestSeconds([&] {
                  SiteHessian site;
                  site.h = h;
                  site.factor(0.01, VisitOrder::Activation);
              }, 3));
        SiteHessian site;
        site.h = h;
        const at::Tensor w = at::randn({576, 1536}) * 0.02;
        const auto gptq = makeRounding("gptq");
        const MethodChoice choice = defaultChoice(MethodKind::Rounding, "gptq");
        print("gptq_576x1536_ms", 1e3 * bestSeconds([&] { gptq->round({"bench", w, {.bits = 4, .group = 64}, &site}, choice, {}); }, 5));
    }
    std::printf("\n}\n");
    return 0;
}
