// A kernel: phases of machine code over ranges, with scratch memory and tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer.h"
#include "elf_image.h"
#include "sizes.h"

namespace tilewright {

constexpr int kMaxArguments = 64;
constexpr int kMaxPhases = 16;
constexpr int kMaxScratch = 16;

// A phase shorter than this (in picoseconds) runs on the calling thread.
constexpr int64_t kParallelCost = 20'000'000;

// What a run needs to know about its sizes, once they are known.
struct LaunchPlan {
  int64_t sizes[kMaxArguments];
  struct Phase {
    int64_t extent, grain, cost;  // cost: of the whole phase on one core, in picoseconds
  } phases[kMaxPhases];
  int64_t scratch[kMaxScratch];  // bytes of one area
  int64_t cost = 0;              // of all phases
};

class Kernel {
 public:
  // `words` describe the object (see ../README.md); throws Error(Value) if damaged.
  Kernel(const void* object, size_t object_bytes, const void* words, size_t words_bytes,
         const std::vector<std::pair<const void*, size_t>>& tables);

  int n_buffers() const { return n_buffers_; }
  int n_outputs() const { return n_outputs_; }
  int n_sizes() const { return n_sizes_; }
  int n_phases() const { return int(phases_.size()); }
  int n_scratch() const { return int(scratch_.size()); }
  int32_t label() const { return label_; }  // of its name, in the timeline

  // Throws Error(Shape) if a size overflows or is negative.
  void plan(const int64_t* sizes, LaunchPlan& plan) const;

  // The scratch memory of a run on so many threads.
  int64_t scratch_bytes(const LaunchPlan& plan, int threads) const;

  // Throws Error(Memory) if there is no scratch memory.
  void run(const LaunchPlan& plan, void* const* buffers) const;

  // The same on this thread alone; for kernels without scratch memory. Never throws.
  void run_serial(const LaunchPlan& plan, void* const* buffers) const;

 private:
  struct Phase {
    void* function;
    int32_t label;  // of the symbol, in the timeline
    SizeExpr extent, grain, cost;
  };
  struct Scratch {
    bool per_thread;
    SizeExpr bytes;
  };

  void read(WordReader& words);
  std::string read_phase(WordReader& words);  // gives its symbol
  void set_arguments(const LaunchPlan& plan, void* const* buffers, int64_t* arguments) const;
  void set_scratch(const LaunchPlan& plan, int threads, int thread, char* memory,
                   int64_t* arguments) const;
  void run_phase(const LaunchPlan& plan, int phase, int threads, char* memory,
                 const int64_t* arguments, int64_t launch) const;

  int32_t label_ = 0;
  int n_buffers_ = 0, n_outputs_ = 0, n_tables_ = 0, n_sizes_ = 0, n_arguments_ = 0;
  std::vector<Scratch> scratch_;
  std::vector<Phase> phases_;
  std::vector<BufferRef> tables_;
  std::unique_ptr<ElfImage> image_;
};

}  // namespace tilewright
