#include "map_job.h"

#include "copy.h"
#include "pool.h"
#include "timeline.h"

namespace tilewright {
namespace {

// Rows shorter than this cost more in calls than in work, so their operands are copied instead.
constexpr int64_t kShortRow = 32;


}  // namespace

void MapJob::merge_axes() {
  int kept = -1;  // axes 0..kept are done
  for (int axis = 0; axis < ndim; ++axis) {
    if (dims[axis] == 1) continue;
    bool joins = kept >= 0;
    for (int i = 0; joins && i < n_inputs; ++i)
      joins = inputs[i].strides[kept] == inputs[i].strides[axis] * dims[axis];
    if (!joins) {
      dims[++kept] = dims[axis];
    } else {
      dims[kept] *= dims[axis];
    }
    for (int i = 0; i < n_inputs; ++i) inputs[i].strides[kept] = inputs[i].strides[axis];
  }
  ndim = kept + 1;
}

bool MapJob::copies_pay() const { return ndim > 1 && inner() < kShortRow && outer() > 4; }

void MapJob::copy_input(int input) {
  MapOperand& operand = inputs[input];
  BufferRef copy(allocate(product(ndim, dims) * operand.itemsize));
  copy_to_contiguous(copy->data, operand.data, operand.itemsize, ndim, dims, operand.strides);
  operand.data = copy->data;
  contiguous_strides(ndim, dims, operand.strides);
  copies_[input] = std::move(copy);
}

void MapJob::prepare() {
  merge_axes();
  if (ndim == 0) return;
  const bool all = copies_pay();
  bool copied = false;
  for (int i = 0; i < n_inputs; ++i) {
    const int64_t last = inputs[i].strides[ndim - 1];
    bool scalar = true;
    for (int axis = 0; axis < ndim; ++axis) scalar = scalar && inputs[i].strides[axis] == 0;
    const bool in_place = is_contiguous(ndim, dims, inputs[i].strides) || scalar;
    if (in_place || (!all && (last == 0 || last == 1))) continue;
    copy_input(i);
    copied = true;
  }
  if (copied) merge_axes();
}

int MapJob::mask() const {
  int result = 0;
  for (int i = 0; ndim && i < n_inputs; ++i)
    if (inputs[i].strides[ndim - 1] == 0) result |= 1 << i;
  return result;
}

void MapJob::pointers_at(int64_t row, void** pointers) const {
  pointers[n_inputs] = output + row * inner() * output_itemsize;
  for (int i = 0; i < n_inputs; ++i) pointers[i] = inputs[i].data;
  for (int axis = ndim - 2; axis >= 0; --axis) {
    const int64_t index = row % dims[axis];
    row /= dims[axis];
    for (int i = 0; i < n_inputs; ++i)
      pointers[i] = static_cast<char*>(pointers[i]) +
                    index * inputs[i].strides[axis] * inputs[i].itemsize;
  }
}

void MapJob::run(const Kernel& kernel, const LaunchPlan& plan) {
  const int64_t rows = outer();
  void* pointers[kMaxMapInputs + 1];
  // Long rows are split over threads themselves, and launches of their own.
  if (rows == 1 || kernel.n_scratch() || plan.cost >= 8 * kAsleepCost) {
    for (int64_t row = 0; row < rows; ++row) {
      pointers_at(row, pointers);
      kernel.run(plan, pointers);
    }
    return;
  }
  const timeline::LaunchSpan launch(kernel.label());
  auto body = [&](int, int64_t begin, int64_t end) {
    const timeline::Span span(timeline::Category::Kernel, kernel.label(), (end - begin) * inner(),
                              launch.number());
    void* own[kMaxMapInputs + 1];
    for (int64_t row = begin; row < end; ++row) {
      pointers_at(row, own);
      kernel.run_serial(plan, own);
    }
  };
  const int64_t row_cost = plan.cost + 10'000;  // a call takes about 10 ns
  if (row_cost < parallel_cost() / rows)
    body(0, 0, rows);
  else
    parallel(rows, 1 + kAwakeCost / row_cost, kMaxThreads, body);
}

}  // namespace tilewright
