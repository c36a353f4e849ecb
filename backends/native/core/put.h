// Elements written at computed places along an axis, in place.
#pragma once

#include <cstdint>

namespace tilewright {

// target[outer][n][inner] takes updates[outer][count][inner] at `places` of the middle axis, in
// order: where a place is named twice, the last one stays. Places out of range are left out.
struct PutJob {
  char* target;
  const char* updates;
  const int64_t* places;
  int64_t outer, n, inner, count;
  int itemsize;
  bool single;  // `updates` is one element for all
};

void put_elements(const PutJob& job);

// Whether all places are 0 to n - 1.
bool places_fit(const int64_t* places, int64_t count, int64_t n);

}  // namespace tilewright
