// A kernel of a device with grids: phases that are launches, with scratch memory and tables.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "devices.h"
#include "kernel.h"

namespace tilewright {

class DeviceKernel final : public AnyKernel {
 public:
  // `code` is what the backend's compile side made, or what `binary` was of an earlier kernel with
  // the same code. Throws Error(Value) for damaged words, Error(Device) for code that the driver
  // does not take.
  DeviceKernel(Device& device, const void* code, size_t code_bytes, const void* words,
               size_t words_bytes, const std::vector<std::pair<const void*, size_t>>& tables);
  ~DeviceKernel() override;
  DeviceKernel(const DeviceKernel&) = delete;
  DeviceKernel& operator=(const DeviceKernel&) = delete;

  Device& device() const { return device_; }
  int n_phases() const { return int(phases_.size()); }

  // The form of the code that loads faster next time; empty if there is none.
  const std::string& binary() const { return binary_; }

  // Throws Error(Device) if the device has not so many threads or so much shared memory.
  void plan(const int64_t* sizes, LaunchPlan& plan) const override;

  // Queues the phases on these buffers (inputs, then outputs).
  void run(const LaunchPlan& plan, const tw_argument* buffers) const;

 private:
  struct Phase {
    std::string symbol;
    int32_t label;  // of the symbol, in the timeline
    tw_function* function;
    SizeExpr grid[3], block[3], shared;
  };

  void read_phase(WordReader& words);
  void load(const void* code, size_t bytes);
  void load_tables(const std::vector<std::pair<const void*, size_t>>& tables);
  void check_launch(const Phase& phase, const tw_launch& launch) const;

  Device& device_;
  tw_module* module_ = nullptr;
  std::string binary_;
  std::vector<Phase> phases_;
  std::vector<BufferRef> tables_;
};

}  // namespace tilewright
