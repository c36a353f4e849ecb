// The registry of routines.
#include "routines.h"

#include "layout.h"

namespace tilewright {

std::vector<const Routine*> all_routines() {
  std::vector<const Routine*> found;
  for (const RoutineTable& table :
       {sorting_routines(), partitioning_routines(), searching_routines(), selecting_routines(),
        scanning_routines(), factor_routines(), spectral_routines(), fourier_routines()})
    for (int i = 0; i < table.count; ++i) found.push_back(table.first + i);
  return found;
}

const Routine& find_routine(const std::string& name) {
  static const std::vector<const Routine*> known = all_routines();
  for (const Routine* routine : known)
    if (name == routine->name) return *routine;
  fail(ErrorKind::Value, "there is no native routine %.100s in this build", name.c_str());
}

int64_t routine_bytes(const Routine& routine, int itemsize,
                      std::initializer_list<int64_t> dims) {
  return checked_size(routine.name, int(dims.size()), dims.begin(), itemsize) * itemsize;
}

}  // namespace tilewright
