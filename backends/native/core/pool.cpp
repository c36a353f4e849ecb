#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "error.h"

namespace tilewright {
namespace {

// Long enough to meet the next call of a loop in Python (to wake a sleeper costs 15 to 100 us, on
// virtual machines most), short enough to leave the core to other libraries' threads.
constexpr auto kSpin = std::chrono::microseconds(200);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool spin_until(Condition condition) {
  for (int i = 0; i < 64; ++i) {
    if (condition()) return true;
    pause();
  }
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

std::atomic<int> waiting{0};  // workers that spin, ready to take work at once

thread_local bool inside = false;  // this thread runs a part of a job

struct Job {
  RangeFunction function;
  void* context;
  int64_t total, grain;
  int threads;
  int64_t least;
};

// One job at a time. `gate_` holds the job's number, whether it is open, and how many workers are
// inside; a worker enters by a compare-and-swap, so nobody can enter a job that has been closed,
// and the caller waits only for those who did enter, never for sleepers.
class Pool {
 public:
  explicit Pool(int threads) {
    sigset_t all, before;  // signals belong to the program's own threads
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      // The system gives no more threads: go on with those that there are.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(sleep_);
      stop_.store(true);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  // False if another thread's job is under way.
  bool run(const Job& job) {
    if (!submit_.try_lock()) return false;
    job_ = job;
    next_.store(0, std::memory_order_relaxed);
    const uint64_t number = (gate_.load(std::memory_order_relaxed) >> kShift) + 1;
    gate_.store(number << kShift | kOpen);  // sequentially consistent, against sleepers_
    if (sleepers_.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_);
      wake_.notify_all();
    }
    take_chunks(0);
    gate_.fetch_and(~kOpen);
    while (!spin_until([this] { return (gate_.load(std::memory_order_acquire) & kInside) == 0; }))
      std::this_thread::yield();
    submit_.unlock();
    return true;
  }

 private:
  static constexpr uint64_t kInside = 0xffff, kOpen = 0x10000;
  static constexpr int kShift = 17;

  void take_chunks(int thread) {
    if (thread >= job_.threads) return;  // the caller has made room for fewer
    inside = true;
    int64_t begin, end;
    while (take_range(&begin, &end)) job_.function(job_.context, thread, begin, end);
    inside = false;
  }

  // Half a fair share of what is left: large chunks first, smaller ones to finish together. Never
  // too small: what a kernel sets up for a range must pay, and only the caller knows what that is.
  bool take_range(int64_t* begin, int64_t* end) {
    *begin = next_.load(std::memory_order_relaxed);
    do {
      const int64_t left = job_.total - *begin, shares = 2 * job_.threads;
      if (left <= 0) return false;
      const int64_t wanted = std::max(left / shares, job_.least);
      const int64_t chunk = std::max<int64_t>((wanted + job_.grain - 1) / job_.grain, 1);
      *end = *begin + std::min(left, chunk * job_.grain);
    } while (!next_.compare_exchange_weak(*begin, *end, std::memory_order_relaxed));
    return true;
  }

  bool news(uint64_t seen) const {
    const uint64_t gate = gate_.load();
    return stop_.load(std::memory_order_relaxed) || ((gate & kOpen) && (gate >> kShift) != seen);
  }

  void work(int thread) {
    pthread_setname_np(pthread_self(), ("tilewright-" + std::to_string(thread)).c_str());
    uint64_t seen = 0;
    while (!stop_.load()) {
      waiting.fetch_add(1, std::memory_order_relaxed);
      const bool met = spin_until([&] { return news(seen); });
      waiting.fetch_sub(1, std::memory_order_relaxed);
      if (!met) {
        std::unique_lock<std::mutex> lock(sleep_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return news(seen); });
        sleepers_.fetch_sub(1);
      }
      uint64_t gate = gate_.load();
      while ((gate & kOpen) && (gate >> kShift) != seen)
        if (gate_.compare_exchange_weak(gate, gate + 1)) {
          seen = gate >> kShift;
          take_chunks(thread);
          gate_.fetch_sub(1, std::memory_order_release);
          break;
        }
    }
  }

  std::mutex submit_, sleep_;
  std::condition_variable wake_;
  std::atomic<uint64_t> gate_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  Job job_{};
  std::vector<std::thread> workers_;
};

// Callers share the pool, so that a replaced one goes when the last of them has left it.
struct Manager {
  std::mutex mutex;
  std::shared_ptr<Pool> pool;
  std::atomic<int> threads{0};
};

Manager* manager_instance = nullptr;

// After fork() the child has no workers, and locks may be held by threads that it does not have:
// it forgets all of it (leaking a few hundred bytes) and starts anew when it needs to.
void forget_after_fork() {
  const int threads = manager_instance->threads.load();
  manager_instance = new Manager;
  manager_instance->threads.store(threads);
  inside = false;
  waiting.store(0);
}

Manager& manager() {
  static const bool ready = [] {
    manager_instance = new Manager;
    pthread_atfork(nullptr, nullptr, forget_after_fork);
    return true;
  }();
  (void)ready;
  return *manager_instance;
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set) < kMaxThreads ? CPU_COUNT(&set) : kMaxThreads;
  return 1;
}

std::shared_ptr<Pool> current_pool() {
  Manager& m = manager();
  std::lock_guard<std::mutex> lock(m.mutex);
  if (!m.pool) m.pool = std::make_shared<Pool>(num_threads());
  return m.pool;
}

}  // namespace

int num_threads() {
  Manager& m = manager();
  const int threads = m.threads.load(std::memory_order_relaxed);
  if (threads) return threads;
  m.threads.store(available_cores());
  return m.threads.load();
}

int64_t parallel_cost() {
  return waiting.load(std::memory_order_relaxed) > 0 ? kAwakeCost : kAsleepCost;
}

void set_num_threads(int64_t count) {
  if (count < 1 || count > kMaxThreads)
    fail(ErrorKind::Value, "set_num_threads: got %lld; the number must be 1 to %d",
         static_cast<long long>(count), kMaxThreads);
  if (inside) fail(ErrorKind::Value, "set_num_threads: called from inside a kernel");
  Manager& m = manager();
  std::shared_ptr<Pool> old;  // joins its workers after the lock is free again
  std::lock_guard<std::mutex> lock(m.mutex);
  if (m.threads.exchange(int(count)) != count) m.pool.swap(old);
}

void parallel_for(int64_t total, int64_t grain, int max_threads, RangeFunction function,
                  void* context, int64_t least) {
  const int threads = num_threads() < max_threads ? num_threads() : max_threads;
  if (grain < 1) grain = 1;
  if (threads > 1 && total > grain && !inside) {
    if (least < 1) least = total / (8 * threads);
    if (current_pool()->run({function, context, total, grain, threads, least})) return;
  }
  function(context, 0, 0, total);
}

void configure_threads() {
  const char* text = std::getenv("TILEWRIGHT_NUM_THREADS");
  if (!text || !*text) return;
  char* end = nullptr;
  const long long count = std::strtoll(text, &end, 10);
  if (*end || count < 1 || count > kMaxThreads)
    fail(ErrorKind::Value, "TILEWRIGHT_NUM_THREADS: got \"%.100s\"; the number must be 1 to %d",
         text, kMaxThreads);
  manager().threads.store(int(count));
}

}  // namespace tilewright
