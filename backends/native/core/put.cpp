#include "put.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "pool.h"

namespace tilewright {
namespace {

// What one thread writes stays in its own cache, and each of several must look at all places: so
// for less one is faster.
constexpr int64_t kParallelRows = 1 << 17;
constexpr int kMostParts = 8;  // each looks at all places, and writes those of its own range

// Without branches: of several parts each would guess wrongly where random places belong (which
// took five times as long). What is another part's goes to a place of our own, chosen by a mask:
// of a conditional expression compilers make a branch.
template <class T>
void put_range(const PutJob& job, int64_t line, int64_t low, int64_t high) {
  T* target = reinterpret_cast<T*>(job.target) + line * job.n;
  const T* updates = reinterpret_cast<const T*>(job.updates) + (job.single ? 0 : line * job.count);
  const int64_t step = job.single ? 0 : 1;
  if (low == 0 && high == job.n) {
    for (int64_t i = 0; i < job.count; ++i, updates += step) {
      const int64_t place = job.places[i];
      if (uint64_t(place) < uint64_t(high)) target[place] = *updates;
    }
    return;
  }
  T elsewhere;
  const uint64_t width = uint64_t(high - low);
  const uint64_t first = reinterpret_cast<uint64_t>(target);
  const uint64_t aside = reinterpret_cast<uint64_t>(&elsewhere);
  for (int64_t i = 0; i < job.count; ++i, updates += step) {
    const int64_t place = job.places[i];
    const uint64_t from_low = uint64_t(place) - uint64_t(low);
    const uint64_t signs = from_low | (width - 1 - from_low);
    const uint64_t is_outside = 0 - (signs >> 63);
    const uint64_t to = first + uint64_t(place) * sizeof(T);
    *reinterpret_cast<volatile T*>(to ^ ((to ^ aside) & is_outside)) = *updates;
  }
}

// Whether all places are 0 to n - 1: by signs alone, as comparisons of 64 bits are slow on old
// processors.
bool all_below(const int64_t* places, int64_t count, uint64_t n) {
  typedef uint64_t Eight __attribute__((vector_size(64)));
  Eight several = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    Eight these;
    std::memcpy(&these, places + i, sizeof these);
    several |= these | (n - 1 - these);
  }
  uint64_t signs = 0;
  for (int lane = 0; lane < 8; ++lane) signs |= several[lane];
  for (; i < count; ++i) signs |= uint64_t(places[i]) | (n - 1 - uint64_t(places[i]));
  return signs >> 63 == 0;
}

void put_rows(const PutJob& job, int64_t line, int64_t low, int64_t high) {
  const int64_t bytes = job.inner * job.itemsize;
  char* target = job.target + line * job.n * bytes;
  const char* updates = job.updates + line * job.count * bytes;
  for (int64_t i = 0; i < job.count; ++i) {
    const int64_t place = job.places[i];
    if (place < low || place >= high) continue;
    if (!job.single) {
      std::memcpy(target + place * bytes, updates + i * bytes, size_t(bytes));
      continue;
    }
    for (int64_t j = 0; j < job.inner; ++j)
      std::memcpy(target + place * bytes + j * job.itemsize, job.updates, size_t(job.itemsize));
  }
}

void put_part(const PutJob& job, int64_t line, int64_t low, int64_t high) {
  if (job.inner != 1) return put_rows(job, line, low, high);
  switch (job.itemsize) {
    case 1: return put_range<uint8_t>(job, line, low, high);
    case 2: return put_range<uint16_t>(job, line, low, high);
    case 4: return put_range<uint32_t>(job, line, low, high);
    case 8: return put_range<uint64_t>(job, line, low, high);
    default: return put_rows(job, line, low, high);
  }
}

}  // namespace

bool places_fit(const int64_t* places, int64_t count, int64_t n) {
  std::atomic<bool> fit{true};
  auto look = [&](int, int64_t begin, int64_t end) {
    if (!all_below(places + begin, end - begin, uint64_t(n))) fit = false;
  };
  if (count < kParallelRows)
    look(0, 0, count);
  else
    parallel(count, kParallelRows / 8, kMaxThreads, look);
  return fit;
}

void put_elements(const PutJob& job) {
  // No two parts write to one place, so the order of the updates is kept.
  const int threads = std::min(num_threads(), kMostParts);
  const bool serial = job.outer * job.count * job.inner < kParallelRows;
  if (serial || job.outer >= 2 * threads) {
    auto lines = [&](int, int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) put_part(job, line, 0, job.n);
    };
    return serial ? lines(0, 0, job.outer) : parallel(job.outer, 1, kMaxThreads, lines);
  }
  // A thread first takes the part of its own number: what it wrote the last time may still be in
  // its core's cache, and would have to come from there if another wrote it now.
  const int64_t width = (job.n + threads - 1) / threads;
  std::atomic<bool> taken[kMostParts] = {};
  auto part = [&](int thread, int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      int mine = thread % threads;
      while (taken[mine].exchange(true)) mine = (mine + 1) % threads;
      const int64_t low = std::min(job.n, mine * width), high = std::min(job.n, low + width);
      for (int64_t line = 0; line < job.outer; ++line) put_part(job, line, low, high);
    }
  };
  parallel(threads, 1, kMaxThreads, part);
}

}  // namespace tilewright
