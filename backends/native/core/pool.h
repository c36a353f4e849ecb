// Threads: ranges are split over the caller and a few workers.
#pragma once

#include <cstdint>

namespace tilewright {

constexpr int kMaxThreads = 256;

// Runs over [begin, end) on thread number `thread` (0 is the caller). Must not throw.
using RangeFunction = void (*)(void* context, int thread, int64_t begin, int64_t end);

// Runs `function` over [0, total) in chunks that are multiples of `grain`, handed out as threads
// ask for them, and returns when all are done; `thread` stays below `max_threads`. While another
// thread's range is being split, and inside such a function, all runs on the calling thread.
// Chunks shrink towards the end, but not below `least` (0: an eighth of a thread's fair share).
void parallel_for(int64_t total, int64_t grain, int max_threads, RangeFunction function,
                  void* context, int64_t least = 0);

template <class Body>
void parallel(int64_t total, int64_t grain, int max_threads, Body& body, int64_t least = 0) {
  parallel_for(
      total, grain, max_threads,
      [](void* context, int thread, int64_t begin, int64_t end) {
        (*static_cast<Body*>(context))(thread, begin, end);
      },
      &body, least);
}

// Picoseconds that work must take on one core for its split to pay. Handing work to a worker that
// waits for it costs about 0.3 microseconds (measured, and as much again at the end); to wake one
// that sleeps 15 to 100, so nobody is woken for less than that.
constexpr int64_t kAwakeCost = 5'000'000, kAsleepCost = 20'000'000;
int64_t parallel_cost();

// The default is every core that this process may use, or TILEWRIGHT_NUM_THREADS.
int num_threads();
void set_num_threads(int64_t count);  // throws Error(Value) outside 1..kMaxThreads

// Reads TILEWRIGHT_NUM_THREADS; throws Error(Value).
void configure_threads();

}  // namespace tilewright
