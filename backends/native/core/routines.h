// Native routines: operations that kernels can't say, by name. A program calls them as it launches
// kernels; a routine takes inputs and one output, all contiguous, and a few sizes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewright {

constexpr int kMaxRoutineBuffers = 4, kMaxRoutineSizes = 8;

// A call, once its sizes are known: what each buffer must hold, and an estimate of its time.
struct RoutinePlan {
  int64_t sizes[kMaxRoutineSizes];
  int64_t bytes[kMaxRoutineBuffers];
  int64_t cost;  // picoseconds of one core
};

struct Routine {
  const char* name;
  int n_buffers;  // inputs, then the output
  int n_sizes;
  // Checks the sizes and fills in the rest of the plan. Throws Error.
  void (*plan)(const Routine& self, RoutinePlan& plan);
  // Throws Error(Memory), and Error(LinAlg) where the values allow no result.
  void (*run)(const Routine& self, const RoutinePlan& plan, void* const* buffers);
};

// The routine of this name; Error(Value) that says the name if there is none.
const Routine& find_routine(const std::string& name);

std::vector<const Routine*> all_routines();

// A plan for sizes of the right number.
inline RoutinePlan plan_routine(const Routine& routine, const int64_t* sizes) {
  RoutinePlan plan{};
  for (int i = 0; i < routine.n_sizes; ++i) plan.sizes[i] = sizes[i];
  routine.plan(routine, plan);
  return plan;
}

// Bytes of an array of these dims; Error(Shape) and Error(Memory) as for any array.
int64_t routine_bytes(const Routine& routine, int itemsize, std::initializer_list<int64_t> dims);

// Each file of routines gives its table.
struct RoutineTable {
  const Routine* first;
  int count;
};
RoutineTable sorting_routines();
RoutineTable partitioning_routines();
RoutineTable searching_routines();
RoutineTable selecting_routines();
RoutineTable scanning_routines();
RoutineTable factor_routines();
RoutineTable spectral_routines();
RoutineTable fourier_routines();

}  // namespace tilewright
