// When kernels and copies ran on a device's queue, for the timeline: an event behind each of them,
// whose time is read when it is done. All of it under the lock of the queue.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device.h"
#include "timeline.h"

namespace tilewright {

class QueueTimes {
 public:
  explicit QueueTimes(const tw_device_api* api) : api_(api) {}

  bool is_on() const { return is_on_; }

  // From now on `queue`, which is empty and whose events carry times. Where the driver has no
  // times, nothing is told.
  void begin(tw_queue* queue, const std::string& track);
  // What is told is told; forgets the rest.
  void end();

  // Behind what was queued just now: `category`, `label`, `value`, `launch` as in an Event.
  void mark(timeline::Category category, int32_t label, int64_t value, int64_t launch);

  // Waits for all marks and records them.
  void tell();

 private:
  struct Mark {
    tw_event* event;
    int64_t queued;  // on the host's clock, as all times but the events' own
    timeline::Event told;
  };

  bool read_time(tw_event* event, int64_t* nanoseconds);

  const tw_device_api* api_;
  tw_queue* queue_ = nullptr;
  bool is_on_ = false;
  bool has_times_ = false;
  int32_t track_ = 0;
  int64_t shift_ = 0;  // the host's clock minus the device's
  int64_t last_ = 0;   // end of the one before
  std::vector<Mark> marks_;
};

}  // namespace tilewright
