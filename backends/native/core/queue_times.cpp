#include "queue_times.h"

#include <algorithm>

namespace tilewright {
namespace {

constexpr size_t kMostMarks = 4096;  // then the queue is waited for

}  // namespace

void QueueTimes::begin(tw_queue* queue, const std::string& track) {
  queue_ = queue;
  is_on_ = true;
  if (!track_) track_ = timeline::make_track(track);
  tw_error ignored{};
  tw_event* event = nullptr;
  int64_t device = 0;
  has_times_ = !api_->record(queue, &event, &ignored) && read_time(event, &device);
  last_ = timeline::now();
  shift_ = last_ - device;
}

void QueueTimes::end() {
  tell();
  is_on_ = has_times_ = false;
}

void QueueTimes::mark(timeline::Category category, int32_t label, int64_t value, int64_t launch) {
  if (!has_times_) return;
  tw_error ignored{};
  tw_event* event = nullptr;
  const int64_t queued = timeline::now();
  if (api_->record(queue_, &event, &ignored)) return;
  marks_.push_back({event, queued, {0, 0, value, launch, label, 0, track_, category}});
  if (marks_.size() >= kMostMarks) tell();
}

void QueueTimes::tell() {
  for (Mark& mark : marks_) {
    int64_t device = 0;
    if (!read_time(mark.event, &device)) continue;
    // In order, so it began when it was there and the one before was done.
    mark.told.end = std::max(device + shift_, last_);
    mark.told.start = std::clamp(mark.queued, last_, mark.told.end);
    last_ = mark.told.end;
    timeline::record(mark.told);
  }
  marks_.clear();
}

// Waits for the event, and gives it back.
bool QueueTimes::read_time(tw_event* event, int64_t* nanoseconds) {
  tw_error ignored{};
  const bool known = !api_->wait(event, &ignored) && !api_->time(event, nanoseconds, &ignored);
  api_->drop_event(event);
  return known;
}

}  // namespace tilewright
