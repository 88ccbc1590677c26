#pragma once

#include <cstdint>
#include <functional>

namespace halftone {

/// How many threads a team of the calling thread will have when it asks for `threads`: no more than OMP_THREAD_LIMIT lets it, and from now on no fewer.
/// Libraries (oneDNN, MKL) share out their products by the number that they asked for: in a smaller team (OMP_DYNAMIC on a busy machine) a part is never
/// computed, without a word.
int wholeTeam(int threads);

/// Calls work(0) … work(count − 1), several at a time, each on one thread: whatever it calls (MKL, oneDNN, ATen) computes there without further threads.
/// So a result whose pieces hang on shapes alone has the same bits for any number of threads. Gradients are off inside. What work throws, the first of
/// it, is thrown here once all threads are done. Inside of another piece it runs in order, and so does what is not `worthwhile`: too little to wake threads for.
void eachPiece(std::int64_t count, const std::function<void(std::int64_t piece)>& work, bool worthwhile = true);

/// The same for a single piece: LAPACK's factorisations and full sums, which share out work as there are threads.
void onOneThread(const std::function<void()>& work);

} // namespace halftone
