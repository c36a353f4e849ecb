// Lets other Python threads run while kernels do, when that is worth it.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "../core/buffer.h"

namespace tilewright {

// Giving up the lock and taking it back costs some 100 ns, and a switch much more.
constexpr int64_t kReleaseCost = 5'000'000;  // picoseconds

// What copying so many bytes costs, at about 10 GB/s.
constexpr int64_t copy_cost(int64_t bytes) { return bytes * 100; }

class ReleaseGil {
 public:
  explicit ReleaseGil(int64_t cost) {
    if (cost >= kReleaseCost) state_ = PyEval_SaveThread();
  }

  // `visit(hold)` calls hold(buffer) for each buffer (or null) that must outlive the release:
  // another thread may put other values into the cells meanwhile.
  template <class Visit>
  ReleaseGil(int64_t cost, Visit visit) {
    if (cost < kReleaseCost) return;
    visit([this](Buffer* buffer) {
      if (buffer) held_.push_back(BufferRef::share(buffer));
    });
    state_ = PyEval_SaveThread();
  }

  ~ReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }

  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  std::vector<BufferRef> held_;  // given back after the destructor's body, under the lock
  PyThreadState* state_ = nullptr;
};

}  // namespace tilewright
