// The threads of a block: each runs on a stack of its own, one at a time, until a barrier.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../emulation/abi.h"

namespace tilewright::cuda_sim {

constexpr int kMaxThreads = 1024;

// Runs one block after the other. What a kernel does against the rules of barriers is an error.
class BlockRunner {
 public:
  BlockRunner();
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  // All threads of the block at `place` (thread and lane are set here). False: `failure` says why.
  bool run(const tw_sim_kernel& kernel, const void* const* arguments, tw_sim_place* live,
           const tw_sim_place& place, std::string& failure);

  static const tw_sim_host& host();

 private:
  enum class State { Ready, AtBlock, AtWarp, Done };
  struct Thread {
    State state;
    int line;  // of the barrier
    void* stack;
  };

  static void enter();
  static void block_barrier(int line);
  static void warp_barrier(int line);
  static unsigned char* warp_slots();

  void prepare(int index);
  void resume(int index);
  void give_way(State state, int line);
  bool advance(std::string& failure);
  bool release_warps(std::string& failure);
  bool release_block(std::string& failure);
  bool same_line(int first, int count, std::string& failure) const;

  char* stacks_;
  void* main_ = nullptr;  // the stack pointer of the runner itself
  std::vector<Thread> threads_;
  std::vector<unsigned char> slots_;
  const tw_sim_kernel* kernel_ = nullptr;
  const void* const* arguments_ = nullptr;
  tw_sim_place* live_ = nullptr;
  tw_sim_place place_{};
  int current_ = 0;
};

}  // namespace tilewright::cuda_sim
