// Strided copies of elements of one size.
#pragma once

#include <cstdint>

#include "layout.h"

namespace tilewright {

struct CopyJob {
  char* target;
  const char* source;
  int itemsize;  // 1, 2, 4, 8 or 16
  int ndim;
  int64_t dims[kMaxRank];
  int64_t target_strides[kMaxRank];  // in elements, of any sign
  int64_t source_strides[kMaxRank];  // 0 repeats
};

// Copies on several threads where that pays. The two windows must not overlap.
void copy_elements(const CopyJob& job);

// Several copies, whose targets must not overlap, as one: they share the threads.
void copy_all(const CopyJob* jobs, int count);

// Copies a window into contiguous memory.
void copy_to_contiguous(char* target, const char* source, int itemsize, int ndim,
                        const int64_t* dims, const int64_t* source_strides);

}  // namespace tilewright
