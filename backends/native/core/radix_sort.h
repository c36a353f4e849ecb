// A stable radix sort from the top: ranges of keys are split into buckets until they are short.
//
// Each level looks at the smallest and the largest key first, so that digits which all keys share
// cost nothing; a bucket then lies in the cache. Digits are as wide as a bucket's length makes
// worthwhile. At the top of a long range the pool's threads each scatter a part and sort buckets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "pool.h"

namespace tilewright {

template <class K>
struct KeyElement {
  using Key = K;
  Key key;
};

template <class K, class I>
struct IndexedElement {
  using Key = K;
  Key key;
  I index;
};

// Sorts `data[0..n)`, with `spare[0..n)` to work in; the result is in `data`.
template <class E>
class RadixSort {
  using Key = typename E::Key;

 public:
  static void serial(E* data, E* spare, int64_t n) { sort(data, spare, n, false); }

  // On the pool's threads. Throws std::bad_alloc before anything has moved.
  static void parallel_sort(E* data, E* spare, int64_t n) {
    const int threads = num_threads();
    if (n < kParallel || threads == 1) return serial(data, spare, n);
    TopLevel(data, spare, n, threads).run();
  }

  // Puts places [first, last] of `data` in order, what is before them in front of them and what is
  // after them behind; equals keep their order.
  static void select(E* data, E* spare, int64_t n, int64_t first, int64_t last) {
    while (n > kShort) {
      Key low, high;
      bounds(data, n, low, high);
      if (low == high) return;
      const Digit digit = digit_for(low, high, n);
      int64_t counts[1 << kMaxBits] = {}, before = 0, through = 0;
      for (int64_t i = 0; i < n; ++i) ++counts[digit.of(data[i].key)];
      int lower = 0;
      while (before + counts[lower] <= first) before += counts[lower++];
      int upper = lower;
      through = before + counts[upper];
      while (through <= last) through += counts[++upper];
      int64_t ends[3] = {0, before, through};
      for (int64_t i = 0; i < n; ++i) {
        const int b = digit.of(data[i].key);
        spare[ends[(b >= lower) + (b > upper)]++] = data[i];
      }
      std::copy(spare, spare + n, data);
      data += before, n = through - before, first -= before, last -= before;
      if (upper > lower) return serial(data, spare, n);
    }
    insertion(data, n);
  }

 private:
  static constexpr int kShort = 24, kMaxBits = 11;
  static constexpr int64_t kParallel = 1 << 15;

  struct Digit {
    Key low;
    int shift, count;
    int of(Key key) const { return int(Key(key - low) >> shift); }
  };

  static int width(uint64_t value) { return value ? 64 - __builtin_clzll(value) : 0; }

  static Digit digit_for(Key low, Key high, int64_t n) {
    const int bits = std::min(std::max(width(uint64_t(n)) - 2, 4), kMaxBits);
    const int range = width(uint64_t(Key(high - low)));
    const int shift = std::max(range - bits, 0);
    return {low, shift, int(Key(high - low) >> shift) + 1};
  }

  static void bounds(const E* data, int64_t n, Key& low, Key& high) {
    low = high = data[0].key;
    for (int64_t i = 1; i < n; ++i) {
      low = std::min(low, data[i].key);
      high = std::max(high, data[i].key);
    }
  }

  static void insertion(E* data, int64_t n) {
    for (int64_t i = 1; i < n; ++i) {
      const E element = data[i];
      int64_t j = i;
      for (; j > 0 && element.key < data[j - 1].key; --j) data[j] = data[j - 1];
      data[j] = element;
    }
  }

  // The result is in `other` if `moved`, else in `data`.
  static void sort(E* data, E* other, int64_t n, bool moved) {
    if (n > kShort) {
      Key low, high;
      bounds(data, n, low, high);
      if (low != high) return split(data, other, n, digit_for(low, high, n), moved);
    } else {
      insertion(data, n);
    }
    if (moved) std::copy(data, data + n, other);
  }

  static void split(E* data, E* other, int64_t n, const Digit digit, bool moved) {
    int64_t ends[(1 << kMaxBits) + 1];
    std::fill(ends, ends + digit.count, int64_t{0});
    for (int64_t i = 0; i < n; ++i) ++ends[digit.of(data[i].key)];
    int64_t place = 0;
    for (int b = 0; b < digit.count; ++b) place += std::exchange(ends[b], place);
    for (int64_t i = 0; i < n; ++i) other[ends[digit.of(data[i].key)]++] = data[i];
    int64_t begin = 0;
    for (int b = 0; b < digit.count; ++b) {
      finish(data, other, begin, ends[b], digit.shift, moved);
      begin = ends[b];
    }
  }

  // A bucket, which has been moved to `other`.
  static void finish(E* data, E* other, int64_t begin, int64_t end, int shift, bool moved) {
    const int64_t n = end - begin;
    if (!n) return;
    if (shift)
      sort(other + begin, data + begin, n, !moved);
    else if (!moved)
      std::copy(other + begin, other + end, data + begin);
  }

  // The first level of a long range, on many threads.
  class TopLevel {
   public:
    TopLevel(E* data, E* spare, int64_t n, int parts)
        : data_(data), other_(spare), n_(n), parts_(parts), lows_(size_t(parts)),
          highs_(size_t(parts)), places_(size_t(parts) << kMaxBits), ends_(1 << kMaxBits) {}

    void run() {
      auto find = [&](int, int64_t first, int64_t last) {
        for (int64_t p = first; p < last; ++p)
          bounds(data_ + begin(p), begin(p + 1) - begin(p), lows_[size_t(p)], highs_[size_t(p)]);
      };
      parallel(parts_, 1, parts_, find);
      const Key low = *std::min_element(lows_.begin(), lows_.end());
      const Key high = *std::max_element(highs_.begin(), highs_.end());
      if (low == high) return;
      digit_ = digit_for(low, high, n_);
      move();
      auto finish_buckets = [&](int, int64_t first, int64_t last) {
        for (int64_t b = first; b < last; ++b)
          finish(data_, other_, b ? ends_[size_t(b - 1)] : 0, ends_[size_t(b)], digit_.shift,
                 false);
      };
      parallel(digit_.count, 1 + digit_.count / 64, kMaxThreads, finish_buckets);
    }

   private:
    int64_t begin(int64_t part) const { return n_ / parts_ * part + std::min(n_ % parts_, part); }
    int64_t* places(int64_t part) { return places_.data() + (size_t(part) << kMaxBits); }

    void move() {
      auto count = [&](int, int64_t first, int64_t last) {
        for (int64_t p = first; p < last; ++p)
          for (int64_t i = begin(p); i < begin(p + 1); ++i)
            ++places(p)[digit_.of(data_[i].key)];
      };
      parallel(parts_, 1, parts_, count);
      int64_t place = 0;
      for (int b = 0; b < digit_.count; ++b) {
        for (int p = 0; p < parts_; ++p) place += std::exchange(places(p)[b], place);
        ends_[size_t(b)] = place;
      }
      auto scatter = [&](int, int64_t first, int64_t last) {
        for (int64_t p = first; p < last; ++p) {
          int64_t* next = places(p);
          for (int64_t i = begin(p); i < begin(p + 1); ++i)
            other_[next[digit_.of(data_[i].key)]++] = data_[i];
        }
      };
      parallel(parts_, 1, parts_, scatter);
    }

    E *data_, *other_;
    int64_t n_;
    int parts_;
    Digit digit_{};
    std::vector<Key> lows_, highs_;
    std::vector<int64_t> places_, ends_;
  };
};

}  // namespace tilewright
