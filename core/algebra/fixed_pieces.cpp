#include "core/algebra/fixed_pieces.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <omp.h>

#include <algorithm>
#include <exception>
#include <mutex>

namespace halftone {

void eachPiece(std::int64_t count, const std::function<void(std::int64_t)>& work)
{
    const at::NoGradGuard noGrad;
    const int threads = at::get_num_threads();
    if (count <= 0)
        return;
    if (threads <= 1 || omp_in_parallel() != 0) {
        for (std::int64_t piece = 0; piece < count; ++piece)
            work(piece);
        return;
    }
    std::exception_ptr failed;
    std::mutex failing;
    // A team of two at least, since libraries share out work of their own unless the region is active.
    const int team = static_cast<int>(std::clamp<std::int64_t>(count, 2, threads));
#pragma omp parallel num_threads(team)
    {
        const at::NoGradGuard none;
#pragma omp for schedule(dynamic, 1)
        for (std::int64_t piece = 0; piece < count; ++piece) {
            try {
                work(piece);
            } catch (...) {
                const std::lock_guard lock(failing);
                if (!failed)
                    failed = std::current_exception();
            }
        }
    }
    if (failed)
        std::rethrow_exception(failed);
}

void onOneThread(const std::function<void()>& work)
{
    eachPiece(1, [&](std::int64_t) { work(); });
}

} // namespace halftone
