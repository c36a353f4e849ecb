#include "timeline_python.h"

#include <pybind11/stl.h>

#include "../core/error.h"

namespace tilewright {
namespace {

constexpr int64_t kCategories = int64_t(timeline::Category::Memory) + 1;

py::dict stop(int64_t since) {
  const timeline::Recording found = [since] {
    py::gil_scoped_release release;
    return timeline::stop(since);
  }();
  py::list names, tracks;
  for (const std::string& name : found.names) names.append(py::bytes(name));
  for (const timeline::Track& track : found.tracks)
    tracks.append(
        py::make_tuple(track.number, track.thread, py::bytes(track.name), track.is_named));
  py::dict result;
  result["events"] = py::bytes(reinterpret_cast<const char*>(found.events.data()),
                               found.events.size() * sizeof(timeline::Event));
  result["names"] = names;
  result["tracks"] = tracks;
  result["dropped"] = found.dropped;
  return result;
}

void record(int64_t category, const std::string& name, int64_t start, int64_t end,
            const std::string& detail) {
  if (category < 0 || category >= kCategories)
    fail(ErrorKind::Value, "timeline_record: got category %lld; wanted 0 to %lld",
         static_cast<long long>(category), static_cast<long long>(kCategories - 1));
  if (end < start)
    fail(ErrorKind::Value, "timeline_record: the end lies %lld ns before the start",
         static_cast<long long>(start - end));
  if (!timeline::enabled()) return;
  name_thread_in_timeline();
  timeline::record({start, end, 0, 0, timeline::intern(name), timeline::intern(detail), 0,
                    timeline::Category(category)});
}

}  // namespace

void ask_python_for_name() {
  PyObject *kind, *value, *traceback;
  PyErr_Fetch(&kind, &value, &traceback);
  std::string name = "thread";
  try {
    const py::object thread = py::module_::import("threading").attr("current_thread")();
    name = py::str(thread.attr("name")).cast<std::string>();
  } catch (const std::exception&) {
    // No text, or a thread at the end of the interpreter, which has no name any more.
  }
  timeline::name_thread(name);
  PyErr_Restore(kind, value, traceback);
}

void bind_timeline(py::module_& m) {
  m.def("timeline_start", &timeline::start);
  m.def("timeline_stop", &stop, py::arg("since"));
  m.def("timeline_record", &record, py::arg("category"), py::arg("name"), py::arg("start"),
        py::arg("end"), py::arg("detail") = "");
}

}  // namespace tilewright
