#include "core/algebra/fixed_pieces.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <dlfcn.h>
#include <omp.h>

#include <algorithm>
#include <exception>
#include <mutex>

namespace halftone {
namespace {

/// While it lives, what this thread calls computes on this thread alone.
class AloneScope {
public:
    AloneScope() : m_threads(omp_get_max_threads()), m_mkl(mkl() != nullptr ? mkl()(1) : 0) { omp_set_num_threads(1); }
    ~AloneScope()
    {
        omp_set_num_threads(m_threads);
        if (mkl() != nullptr)
            mkl()(m_mkl);   // 0: as before, the number for all threads
    }
    AloneScope(const AloneScope&) = delete;
    AloneScope& operator=(const AloneScope&) = delete;

private:
    /// MKL's own setting of the calling thread, which takes precedence over OpenMP's; LibTorch carries MKL inside, and no header of it.
    static int (*mkl())(int)
    {
        static const auto set = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads_Local"));
        return set;
    }
    int m_threads, m_mkl;
};

} // namespace

int wholeTeam(int threads)
{
    omp_set_dynamic(0);
    return std::min(threads, omp_get_thread_limit());
}

void eachPiece(std::int64_t count, const std::function<void(std::int64_t)>& work, bool worthwhile)
{
    const at::NoGradGuard noGrad;
    if (count <= 0)
        return;
    const int threads = at::get_num_threads();
    if (threads <= 1 || count == 1 || !worthwhile || omp_in_parallel() != 0) {
        const AloneScope alone;
        for (std::int64_t piece = 0; piece < count; ++piece)
            work(piece);
        return;
    }
    std::exception_ptr failed;
    std::mutex failing;
#pragma omp parallel num_threads(static_cast<int>(std::min<std::int64_t>(count, threads)))
    {
        const at::NoGradGuard none;
        const AloneScope alone;
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
