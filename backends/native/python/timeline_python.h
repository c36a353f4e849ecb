// The timeline as Python sees it.
#pragma once

#include <pybind11/pybind11.h>

#include "../core/timeline.h"

namespace tilewright {

namespace py = pybind11;

// Gives this thread's track the name that Python knows it by, once. Needs the interpreter's lock.
void ask_python_for_name();

inline void name_thread_in_timeline() {
  if (timeline::enabled() && !timeline::thread_has_name()) ask_python_for_name();
}

// A span on a thread that Python runs.
class PythonSpan {
 public:
  PythonSpan(timeline::Category category, int32_t name) : span_(category, name) {
    name_thread_in_timeline();
  }

 private:
  timeline::Span span_;
};

void bind_timeline(py::module_& module);

}  // namespace tilewright
