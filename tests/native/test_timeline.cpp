// The timeline: spans, threads, bounds.
#include <thread>
#include <vector>

#include "buffer.h"
#include "harness.h"
#include "pool.h"
#include "timeline.h"

using namespace tilewright;
using timeline::Category;

namespace {

int64_t count_of(const timeline::Recording& found, const char* name) {
  int64_t count = 0;
  for (const timeline::Event& event : found.events)
    count += found.names[size_t(event.name)] == name;
  return count;
}

}  // namespace

TEST(texts_have_one_number_each) {
  const int32_t first = timeline::intern("one text"), second = timeline::intern("another");
  CHECK(first > 0 && second > 0 && first != second);
  CHECK(timeline::intern("one text") == first);
  CHECK(timeline::intern("") == 0);
}

TEST(off_nothing_is_recorded) {
  { const timeline::Span span(Category::Copy, timeline::intern("early")); }
  const int64_t since = timeline::start();
  const timeline::Recording found = timeline::stop(since);
  CHECK(!timeline::enabled());
  CHECK(count_of(found, "early") == 0);
}

TEST(spans_nest_and_launches_have_numbers) {
  const int64_t since = timeline::start();
  const int32_t label = timeline::intern("inner");
  int64_t number;
  {
    const timeline::LaunchSpan outer(timeline::intern("outer"));
    const timeline::Span inner(Category::Kernel, label, 3, number = outer.number());
  }
  const timeline::Recording found = timeline::stop(since);
  CHECK(number > 0);
  CHECK(found.events.size() == 2);
  const timeline::Event &inner = found.events[0], &outer = found.events[1];
  CHECK(inner.launch == number && outer.launch == number && inner.value == 3);
  CHECK(outer.start <= inner.start && inner.start <= inner.end && inner.end <= outer.end);
  CHECK(inner.track == outer.track && inner.track > 0);
}

TEST(a_span_that_began_off_is_not_recorded) {
  int64_t since;
  {
    const timeline::Span span(Category::Copy, timeline::intern("half"));
    since = timeline::start();
  }
  CHECK(count_of(timeline::stop(since), "half") == 0);
}

TEST(tracks_of_devices_take_events_of_any_thread) {
  const int32_t track = timeline::make_track("a queue");
  const int64_t since = timeline::start();
  timeline::record({since, since + 5, 0, 0, timeline::intern("there"), 0, track, Category::Kernel});
  const timeline::Recording found = timeline::stop(since);
  CHECK(found.events.size() == 1 && found.events[0].track == track);
  bool named = false;
  for (const timeline::Track& t : found.tracks)
    named = named || (t.number == track && t.name == "a queue" && t.thread == 0);
  CHECK(named);
}

TEST(threads_record_while_others_start_and_stop) {
  const int32_t label = timeline::intern("busy");
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!done.load()) {
        const timeline::Span span(Category::Kernel, label);
        BufferRef buffer(allocate(64));
      }
    });
  for (int i = 0; i < 200; ++i) {
    const int64_t since = timeline::start(), inner = timeline::start();
    std::this_thread::yield();
    const timeline::Recording first = timeline::stop(inner), second = timeline::stop(since);
    for (const timeline::Event& event : second.events) {
      CHECK(event.start >= since && event.track > 0);
      CHECK(event.category == Category::Memory || event.end >= event.start);
    }
    // How much they record meanwhile is the scheduler's choice, and may be more than fits.
    CHECK(first.dropped <= second.dropped);
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
}

TEST(threads_that_have_ended_are_still_told) {
  const int64_t since = timeline::start();
  for (int i = 0; i < 5; ++i)
    std::thread([] {
      timeline::name_thread("short");
      const timeline::Span span(Category::Copy, timeline::intern("work"));
    }).join();
  const timeline::Recording found = timeline::stop(since);
  CHECK(count_of(found, "work") == 5);
  int tracks = 0;
  for (const timeline::Track& track : found.tracks) tracks += track.name == "short";
  CHECK(tracks == 5);
}

TEST(a_full_recording_counts_what_is_missing) {
  const int64_t since = timeline::start();
  const timeline::Event event{since, since, 0, 0, 0, 0, 0, Category::Cache};
  for (int64_t i = 0; i < timeline::kMaxEvents + 7; ++i) timeline::record(event);
  std::thread([&] { timeline::record(event); }).join();
  const timeline::Recording found = timeline::stop(since);
  CHECK(int64_t(found.events.size()) == timeline::kMaxEvents);
  CHECK(found.dropped == 8);
}
