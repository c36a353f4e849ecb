// Memory, copies, sizes and threads of the core.
#include <unistd.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "buffer.h"
#include "copy.h"
#include "half.h"
#include "harness.h"
#include "layout.h"
#include "pool.h"
#include "sample.h"
#include "sizes.h"

using namespace tilewright;

TEST(buffers_are_aligned_and_reused) {
  empty_cache();
  for (int64_t bytes : {0, 1, 64, 65, 1000, 1024, 1025, 5000, 1 << 20, (5 << 20) + 1}) {
    Buffer* buffer = allocate(bytes);
    CHECK(reinterpret_cast<uintptr_t>(buffer->data) % 64 == 0);
    CHECK(buffer->bytes == bytes && buffer->capacity >= bytes);
    CHECK(buffer->capacity <= bytes + 64 + bytes / 7);
    for (int64_t i = 0; i < bytes; i += 63) buffer->data[i] = char(i);
    if (bytes) buffer->data[bytes - 1] = 1;
    char* place = buffer->data;
    release(buffer);
    Buffer* again = allocate(bytes);
    CHECK(again->data == place);
    release(again);
  }
  CHECK(memory_stats().in_use == 0 && memory_stats().pooled > 0);
  empty_cache();
  CHECK(memory_stats().pooled == 0);
}

TEST(the_memory_limit_holds) {
  empty_cache();
  set_memory_limit(1 << 20);
  CHECK_FAILS(allocate(2 << 20), "could not allocate");
  Buffer* half = allocate(600 << 10);
  CHECK_FAILS(allocate(600 << 10), "bytes are in use");
  release(half);
  Buffer* other = allocate(900 << 10);  // gives the pooled block back first
  release(other);
  set_memory_limit(0);
  CHECK_FAILS(allocate(-1), "request for -1 bytes");
  CHECK_FAILS(allocate(int64_t{1} << 60), "2**46");
}

TEST(foreign_memory_is_given_back_once) {
  static int drops = 0;
  int value = 0;
  Buffer* buffer = adopt(&value, 4, [](void*) { ++drops; }, nullptr);
  CHECK(!exclusive(buffer));
  retain(buffer);
  release(buffer);
  CHECK(drops == 0);
  release(buffer);
  CHECK(drops == 1);
}

TEST(buffers_from_many_threads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 2000; ++i) BufferRef(allocate(i * 37 % 5000));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(memory_stats().in_use == 0);
}

TEST(copies_of_all_item_sizes) {
  sample::Chance chance;
  for (int round = 0; round < 400; ++round) {
    const int size = 1 << chance.below(4);
    CopyJob job;
    job.itemsize = size;
    job.ndim = int(1 + chance.below(3));
    int order[3] = {0, 1, 2}, total = 1;
    std::swap(order[0], order[chance.below(uint64_t(job.ndim))]);
    for (int i = 0; i < job.ndim; ++i) job.dims[i] = 1 + int64_t(chance.below(40));
    contiguous_strides(job.ndim, job.dims, job.target_strides);
    for (int i = 0; i < job.ndim; ++i) {  // the source's axes in another order
      job.source_strides[order[i]] = total;
      total *= int(job.dims[order[i]]);
    }
    std::vector<char> source(size_t(total * size)), target(source.size());
    for (size_t i = 0; i < source.size(); ++i) source[i] = char(chance.next());
    job.source = source.data();
    job.target = target.data();
    copy_elements(job);
    bool equal = true;
    for (int64_t flat = 0; flat < total; ++flat) {
      int64_t rest = flat, from = 0;
      for (int i = job.ndim - 1; i >= 0; --i) {
        from += rest % job.dims[i] * job.source_strides[i];
        rest /= job.dims[i];
      }
      equal = equal && !std::memcmp(&target[size_t(flat * size)], &source[size_t(from * size)],
                                    size_t(size));
    }
    CHECK(equal);
  }
}

TEST(sizes_are_checked) {
  const int64_t dims[] = {int64_t{1} << 40, 0, int64_t{1} << 40};
  CHECK_FAILS(checked_size("f", 3, dims, 1), "over 2**63");
  CHECK(checked_size("f", 2, dims, 1) == 0);
  CHECK_FAILS(checked_size("f", 1, dims, 128), "2**46 bytes");
  const int64_t symbols[] = {7, -2};
  auto value = [&](const sample::Words& words) {
    WordReader reader("test", words.data(), words.size() * 8);
    return SizeExpr::read(reader, 2).evaluate(symbols);
  };
  CHECK(value({2, 0, 5}) == 5 && value({2, 1, 0}) == 7);
  CHECK(value({6, 1, 0, 1, 1, 4, 0}) == -4);  // 7 // -2
  CHECK(value({6, 1, 1, 1, 0, 5, 0}) == -2 && value({6, 1, 1, 1, 0, 6, 0}) == 7);
  CHECK_FAILS(value({6, 0, 1, 0, 0, 4, 0}), "division of 1 by zero");
  CHECK_FAILS(value({6, 0, INT64_MIN, 0, -1, 4, 0}), "over 2**63");
  CHECK_FAILS(value({6, 0, INT64_MAX, 0, 1, 2, 0}), "over 2**63");
  CHECK_FAILS(value({2, 1, 2}), "names a symbol");
  CHECK_FAILS(value({2}), "ends too early");
}

TEST(halves) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = half_to_float(uint16_t(bits));
    CHECK(value != value || half_from_double(value) == bits);
    const float brain = bfloat16_to_float(uint16_t(bits));
    CHECK(brain != brain || bfloat16_from_double(brain) == bits);
  }
}

TEST(ranges_are_split_without_gaps) {
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (int64_t total : {0, 1, 2, 63, 1000, 12345}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(total));
      std::atomic<int> widest{0};
      auto body = [&](int thread, int64_t begin, int64_t end) {
        if (thread > widest) widest = thread;
        for (int64_t i = begin; i < end; ++i) ++hits[size_t(i)];
      };
      for (int repeat = 0; repeat < 50; ++repeat) parallel(total, 3, threads, body);
      bool once = true;
      for (const auto& hit : hits) once = once && hit == 50;
      CHECK(once && widest < threads);
    }
  }
  CHECK_FAILS((set_num_threads(0), 0), "got 0");
}

TEST(jobs_within_jobs_and_from_many_threads) {
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  auto inner = [&](int, int64_t begin, int64_t end) { sum += end - begin; };
  auto outer = [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) parallel(10, 1, kMaxThreads, inner);
  };
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) parallel(20, 1, kMaxThreads, outer);
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 4 * 50 * 20 * 10);
}

TEST(children_make_threads_of_their_own) {
  set_num_threads(3);
  auto body = [&](int, int64_t, int64_t) {};
  parallel(100, 1, kMaxThreads, body);
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      release(allocate(1000));
      parallel(100, 1, kMaxThreads, body);
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  }
}
