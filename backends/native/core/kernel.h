// A kernel: phases of machine code over ranges, with scratch memory and tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer.h"
#include "device.h"
#include "elf_image.h"
#include "sizes.h"

namespace tilewright {

constexpr int kMaxArguments = 160;  // a loop may have many values
constexpr int kMaxPhases = 16;
constexpr int kMaxScratch = 16;

// What a run needs to know about its sizes, once they are known.
struct LaunchPlan {
  int64_t sizes[kMaxArguments];
  struct Phase {
    int64_t extent, grain, cost;  // cost: of the whole phase on one core, in picoseconds
  } phases[kMaxPhases];
  tw_launch grids[kMaxPhases];   // instead of the phases, on devices of blocks and threads
  int64_t scratch[kMaxScratch];  // bytes of one area
  int64_t cost = 0;              // of all phases
};

// What a program must know of a kernel, whatever runs it.
class AnyKernel {
 public:
  virtual ~AnyKernel() = default;

  int n_buffers() const { return n_buffers_; }
  int n_outputs() const { return n_outputs_; }
  int n_sizes() const { return n_sizes_; }
  int n_scratch() const { return int(scratch_.size()); }
  int32_t label() const { return label_; }  // of its name, in the timeline

  // Throws Error(Shape) if a size overflows or is negative.
  virtual void plan(const int64_t* sizes, LaunchPlan& plan) const = 0;

  // The scratch memory of a run on so many threads.
  int64_t scratch_bytes(const LaunchPlan& plan, int threads) const;

 protected:
  struct Scratch {
    bool per_thread;
    SizeExpr bytes;
  };

  // The words before those of the phases, whose number it gives.
  int read_head(WordReader& words, int64_t magic, int further_arguments);
  void check_tables(size_t count) const;
  void plan_scratch(const int64_t* sizes, LaunchPlan& plan) const;

  // The name of all phases' symbols.
  void set_label(const std::vector<std::string>& symbols);

  int32_t label_ = 0;
  int n_buffers_ = 0, n_outputs_ = 0, n_tables_ = 0, n_sizes_ = 0, n_arguments_ = 0;
  std::vector<Scratch> scratch_;
};

// A size of a kernel, checked.
int64_t checked_extent(const SizeExpr& expression, const int64_t* sizes, int64_t low,
                       const char* what);

class Kernel final : public AnyKernel {
 public:
  // `words` describe the object (see ../README.md); throws Error(Value) if damaged.
  Kernel(const void* object, size_t object_bytes, const void* words, size_t words_bytes,
         const std::vector<std::pair<const void*, size_t>>& tables);

  int n_phases() const { return int(phases_.size()); }

  void plan(const int64_t* sizes, LaunchPlan& plan) const override;

  // Throws Error(Memory) if there is no scratch memory.
  void run(const LaunchPlan& plan, void* const* buffers) const;

  // The same on this thread alone; for kernels without scratch memory. Never throws.
  void run_serial(const LaunchPlan& plan, void* const* buffers) const;

 private:
  void pad(int64_t* arguments) const;
  struct Phase {
    void* function;
    int32_t label;  // of the symbol, in the timeline
    SizeExpr extent, grain, cost;
  };
  std::string read_phase(WordReader& words);  // gives its symbol
  void set_arguments(const LaunchPlan& plan, void* const* buffers, int64_t* arguments) const;
  void set_scratch(const LaunchPlan& plan, int threads, int thread, char* memory,
                   int64_t* arguments) const;
  void run_phase(const LaunchPlan& plan, int phase, int threads, char* memory,
                 const int64_t* arguments, int64_t launch) const;

  std::vector<Phase> phases_;
  std::vector<BufferRef> tables_;
  std::unique_ptr<ElfImage> image_;
};

}  // namespace tilewright
