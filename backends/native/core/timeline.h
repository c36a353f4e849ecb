// What happened when: spans, counters and moments, while somebody records (`tw.profile`).
//
// Off, a call site costs one relaxed load. On, each thread writes to a log of its own, without a
// lock; the logs together are bounded, and what no longer fits is counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::timeline {

// dsl/timeline.py has the same list. Counters and moments have one time only.
enum class Category : int32_t {
  Call,     // of a staged function, from Python's side
  Eager,    // an eager operation
  Program,  // a program's instructions
  Launch,   // of a kernel, on the thread that launches it
  Kernel,   // a range of a phase on one thread, or a kernel on a device's queue
  Copy,     // `value` bytes
  Compile,  // a stage of compilation
  Cache,    // a moment: found or missed
  Memory,   // a counter: `value` bytes are in use
};

struct Event {
  int64_t start, end;  // nanoseconds of now()
  int64_t value;       // bytes of copies and counters, units of a kernel's range
  int64_t launch;      // the number of the launch that this is or belongs to; 0: none
  int32_t name, detail;  // numbers from intern(); 0: nothing
  int32_t track;
  Category category;
};

struct Track {
  int32_t number;
  int64_t thread;  // the system's thread number; 0: not a thread
  std::string name;
  bool is_named;  // else the name is the system's, which may be that of the whole process
};

// All that began since some time. `names[i]` is the text of number i. `dropped` counts the events
// that did not fit.
struct Recording {
  std::vector<Event> events;  // thread by thread
  std::vector<std::string> names;
  std::vector<Track> tracks;
  int64_t dropped;
};

extern std::atomic<int> recorders;

inline bool enabled() { return __builtin_expect(recorders.load(std::memory_order_relaxed), 0); }

// The clock of all times here: CLOCK_MONOTONIC, as Python's time.perf_counter_ns().
int64_t now();

// The number of a text, the same for equal texts. Takes a lock: call it when loading, not running.
int32_t intern(std::string_view text);

// A track of its own, for example a device's queue, whose spans must not overlap.
int32_t make_track(const std::string& name);

// The name of this thread's track.
void name_thread(const std::string& name);
bool thread_has_name();

// Keeps an event if somebody records; on the thread's own track if `track` is 0.
void record(const Event& event) noexcept;

// Starts recording, beside others who do, and gives the time for `stop`. At most so many events
// are kept until all have stopped.
constexpr int64_t kMaxEvents = int64_t{1} << 20;
int64_t start();

// `flush` is called at the start of each stop: what is not recorded yet, because it was under way,
// is recorded now.
void at_stop(void (*flush)());
Recording stop(int64_t since);

// A span from here to the end of the scope.
class Span {
 public:
  Span(Category category, int32_t name, int64_t value = 0, int64_t launch = 0) {
    if (enabled()) open(category, name, value, launch);
  }
  ~Span() {
    if (event_.start) close();
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  void open(Category category, int32_t name, int64_t value, int64_t launch);
  void close();

  Event event_{};
};

// The span of a launch. Its number goes to its kernels' spans, so that they say whose they are.
class LaunchSpan {
 public:
  explicit LaunchSpan(int32_t name) {
    if (enabled()) open(name);
  }
  ~LaunchSpan() {
    if (event_.start) close();
  }
  LaunchSpan(const LaunchSpan&) = delete;
  LaunchSpan& operator=(const LaunchSpan&) = delete;
  int64_t number() const { return event_.launch; }

 private:
  void open(int32_t name);
  void close();

  Event event_{};
};

// A counter's new value.
inline void count(Category category, int64_t value) {
  if (enabled()) record({now(), 0, value, 0, 0, 0, 0, category});
}

}  // namespace tilewright::timeline
