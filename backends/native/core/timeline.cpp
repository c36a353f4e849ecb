#include "timeline.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>

namespace tilewright::timeline {

std::atomic<int> recorders{0};

namespace {

constexpr int64_t kChunk = 4096;  // events; memory is taken in such pieces
constexpr int64_t kMaxChunks = kMaxEvents / kChunk;

// Written by its thread alone, which is `writing` meanwhile; events below `count` are whole. When
// nobody records any more, and its thread is not writing, the one who stopped empties it.
struct Log {
  Track track;
  bool has_ended = false;  // its thread
  std::atomic<bool> writing{false};
  std::atomic<int64_t> count{0};
  std::atomic<Event*> chunks[kMaxChunks] = {};

  ~Log() { clear(); }

  void clear() {
    for (std::atomic<Event*>& chunk : chunks) delete[] chunk.exchange(nullptr);
    count.store(0);
  }
};

// `mutex` guards all but the atomic numbers, and what of a log is not atomic.
struct State {
  std::mutex mutex;
  std::vector<std::unique_ptr<Log>> logs;
  std::vector<Track> queues;
  std::vector<void (*)()> flushes;
  int32_t tracks = 0;
  std::vector<std::string> names{""};
  std::unordered_map<std::string, int32_t> numbers{{"", 0}};
  std::atomic<int64_t> chunks{0}, dropped{0}, launches{0};
};

State& state();

struct Mine {
  Log* log = nullptr;

  ~Mine() {
    if (!log) return;
    State& s = state();
    std::lock_guard<std::mutex> lock(s.mutex);
    log->has_ended = true;
  }
};
thread_local Mine mine;

// The child is not recorded, and has no thread but the one that forked.
void forget_in_child() {
  State& s = state();
  recorders.store(0);
  const auto is_other = [](const std::unique_ptr<Log>& log) { return log.get() != mine.log; };
  s.logs.erase(std::remove_if(s.logs.begin(), s.logs.end(), is_other), s.logs.end());
  if (mine.log) mine.log->clear();
  s.chunks.store(0);
  s.mutex.unlock();
}

// Leaked on purpose: threads may end after static destructors have run.
State& state() {
  static State* const instance = [] {
    pthread_atfork([] { state().mutex.lock(); }, [] { state().mutex.unlock(); }, forget_in_child);
    return new State;
  }();
  return *instance;
}

Log* own_log(State& s) {
  if (mine.log) return mine.log;
  auto log = std::make_unique<Log>();
  char name[32] = {};
  prctl(PR_GET_NAME, name);
  std::lock_guard<std::mutex> lock(s.mutex);
  log->track = {++s.tracks, syscall(SYS_gettid), name, false};
  mine.log = log.get();
  s.logs.push_back(std::move(log));
  return mine.log;
}

// The place of the next event, or null if the recording is full.
Event* next_place(State& s, Log& log) {
  const int64_t index = log.count.load(std::memory_order_relaxed);
  if (index >= kMaxEvents) return nullptr;
  std::atomic<Event*>& chunk = log.chunks[index / kChunk];
  Event* events = chunk.load(std::memory_order_relaxed);
  if (!events) {
    if (s.chunks.fetch_add(1) < kMaxChunks) events = new (std::nothrow) Event[kChunk];
    if (!events) {
      s.chunks.fetch_sub(1);
      return nullptr;
    }
    chunk.store(events, std::memory_order_release);
  }
  return events + index % kChunk;
}

void write(State& s, Log& log, const Event& event) {
  Event* place = next_place(s, log);
  if (!place) {
    s.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  *place = event;
  if (!place->track) place->track = log.track.number;
  log.count.fetch_add(1, std::memory_order_release);
}

void copy_events(const Log& log, int64_t since, std::vector<Event>& events) {
  const int64_t count = log.count.load(std::memory_order_acquire);
  for (int64_t i = 0; i < count; ++i) {
    const Event& event = log.chunks[i / kChunk].load(std::memory_order_acquire)[i % kChunk];
    if (event.start >= since) events.push_back(event);
  }
}

// Nobody records: give the memory back. Threads that were late are waited for.
void clear_all(State& s) {
  for (const std::unique_ptr<Log>& log : s.logs) {
    while (log->writing.load()) sched_yield();
    log->clear();
  }
  const auto has_ended = [](const std::unique_ptr<Log>& log) { return log->has_ended; };
  s.logs.erase(std::remove_if(s.logs.begin(), s.logs.end(), has_ended), s.logs.end());
  s.chunks.store(0);
  s.dropped.store(0);
}

}  // namespace

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

int32_t intern(std::string_view text) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  const auto [place, is_new] = s.numbers.try_emplace(std::string(text), int32_t(s.names.size()));
  if (is_new) s.names.push_back(place->first);
  return place->second;
}

int32_t make_track(const std::string& name) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.queues.push_back({++s.tracks, 0, name, true});
  return s.tracks;
}

void name_thread(const std::string& name) {
  State& s = state();
  Log* log = own_log(s);
  std::lock_guard<std::mutex> lock(s.mutex);
  log->track.name = name;
  log->track.is_named = true;
}

bool thread_has_name() { return mine.log && mine.log->track.is_named; }

void record(const Event& event) noexcept {
  if (!enabled()) return;
  State& s = state();
  Log* log = nullptr;
  try {
    log = own_log(s);
  } catch (const std::bad_alloc&) {
    s.dropped.fetch_add(1);
    return;
  }
  log->writing.store(true);  // sequentially consistent, against `recorders` in stop()
  if (recorders.load() > 0) write(s, *log, event);
  log->writing.store(false, std::memory_order_release);
}

int64_t start() {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  recorders.fetch_add(1);
  return now();
}

void at_stop(void (*flush)()) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.flushes.push_back(flush);
}

Recording stop(int64_t since) {
  State& s = state();
  std::vector<void (*)()> flushes;
  {
    std::lock_guard<std::mutex> lock(s.mutex);
    flushes = s.flushes;
  }
  for (const auto flush : flushes) flush();  // they record, which takes the lock
  std::lock_guard<std::mutex> lock(s.mutex);
  Recording result;
  for (const std::unique_ptr<Log>& log : s.logs) {
    copy_events(*log, since, result.events);
    result.tracks.push_back(log->track);
  }
  result.tracks.insert(result.tracks.end(), s.queues.begin(), s.queues.end());
  result.names = s.names;
  result.dropped = s.dropped.load();
  if (recorders.load() > 0 && recorders.fetch_sub(1) == 1) clear_all(s);
  return result;
}

void Span::open(Category category, int32_t name, int64_t value, int64_t launch) {
  event_ = {now(), 0, value, launch, name, 0, 0, category};
}

void Span::close() {
  event_.end = now();
  record(event_);
}

void LaunchSpan::open(int32_t name) {
  const int64_t number = state().launches.fetch_add(1, std::memory_order_relaxed) + 1;
  event_ = {now(), 0, 0, number, name, 0, 0, Category::Launch};
}

void LaunchSpan::close() {
  event_.end = now();
  record(event_);
}

}  // namespace tilewright::timeline
