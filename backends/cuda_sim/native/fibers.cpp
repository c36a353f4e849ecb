#include "fibers.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "switch.h"

namespace tilewright::cuda_sim {
namespace {
constexpr size_t kStack = 256 << 10;
constexpr size_t kGuard = 4096;  // unreadable, below each stack
constexpr int kWarp = TW_SIM_WARP;
thread_local BlockRunner* running = nullptr;
}  // namespace

BlockRunner::BlockRunner() : slots_(kMaxThreads * TW_SIM_SLOT) {
  void* found = mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  stacks_ = static_cast<char*>(found);
  for (int i = 0; i < kMaxThreads; ++i) mprotect(stacks_ + i * kStack, kGuard, PROT_NONE);
}

BlockRunner::~BlockRunner() { munmap(stacks_, kStack * kMaxThreads); }

const tw_sim_host& BlockRunner::host() {
  static const tw_sim_host table{block_barrier, warp_barrier, warp_slots, nullptr};
  return table;
}

bool BlockRunner::run(const tw_sim_kernel& kernel, const void* const* arguments,
                      tw_sim_place* live, const tw_sim_place& place, std::string& failure) {
  kernel_ = &kernel;
  arguments_ = arguments;
  live_ = live;
  place_ = place;
  const size_t count = size_t(place.block_dim.x) * place.block_dim.y * place.block_dim.z;
  threads_.assign(count, {});
  for (size_t i = 0; i < count; ++i) prepare(int(i));
  running = this;
  const bool done = advance(failure);
  running = nullptr;
  return done;
}

void BlockRunner::prepare(int index) {
  char* top = stacks_ + size_t(index + 1) * kStack;
  threads_[size_t(index)] = {State::Ready, 0, make_stack(top, enter)};
}

void BlockRunner::enter() {
  BlockRunner* own = running;
  own->kernel_->run(own->arguments_);
  own->give_way(State::Done, 0);
}

void BlockRunner::resume(int index) {
  const tw_sim_uint3& dim = place_.block_dim;
  const uint32_t i = uint32_t(index);
  place_.thread = {i % dim.x, i / dim.x % dim.y, i / dim.x / dim.y};
  place_.lane = i % kWarp;
  *live_ = place_;
  current_ = index;
  switch_stack(&main_, threads_[size_t(index)].stack);
}

void BlockRunner::give_way(State state, int line) {
  Thread& own = threads_[size_t(current_)];
  own.state = state;
  own.line = line;
  switch_stack(&own.stack, main_);
}

void BlockRunner::block_barrier(int line) { running->give_way(State::AtBlock, line); }

void BlockRunner::warp_barrier(int line) { running->give_way(State::AtWarp, line); }

unsigned char* BlockRunner::warp_slots() {
  return running->slots_.data() + size_t(running->current_ / kWarp) * kWarp * TW_SIM_SLOT;
}

bool BlockRunner::advance(std::string& failure) {
  for (;;) {
    bool all_done = true;
    for (size_t i = 0; i < threads_.size(); ++i) {
      if (threads_[i].state == State::Ready) resume(int(i));
      all_done = all_done && threads_[i].state == State::Done;
    }
    if (all_done) return true;
    if (!release_warps(failure) || !release_block(failure)) return false;
  }
}

// A warp goes on when all its threads have come to its barrier.
bool BlockRunner::release_warps(std::string& failure) {
  for (size_t first = 0; first < threads_.size(); first += kWarp) {
    const size_t end = std::min(first + kWarp, threads_.size());
    size_t waiting = 0;
    for (size_t i = first; i < end; ++i) waiting += threads_[i].state == State::AtWarp;
    if (!waiting) continue;
    if (waiting != end - first) {
      failure = "a warp's barrier at line " + std::to_string(threads_[first].line) +
                " was reached by " + std::to_string(waiting) + " of its " +
                std::to_string(end - first) + " threads";
      return false;
    }
    if (!same_line(int(first), int(waiting), failure)) return false;
    for (size_t i = first; i < end; ++i) threads_[i].state = State::Ready;
  }
  return true;
}

bool BlockRunner::release_block(std::string& failure) {
  size_t waiting = 0;
  for (const Thread& thread : threads_) {
    if (thread.state == State::Ready) return true;  // a warp goes on first
    waiting += thread.state == State::AtBlock;
  }
  if (!waiting) return true;
  if (waiting != threads_.size()) {
    failure = "a barrier was reached by " + std::to_string(waiting) + " of the block's " +
              std::to_string(threads_.size()) + " threads; the others have ended";
    return false;
  }
  if (!same_line(0, int(waiting), failure)) return false;
  for (Thread& thread : threads_) thread.state = State::Ready;
  return true;
}

bool BlockRunner::same_line(int first, int count, std::string& failure) const {
  for (int i = first + 1; i < first + count; ++i) {
    const int here = threads_[size_t(first)].line, there = threads_[size_t(i)].line;
    if (here == there) continue;
    failure = "threads " + std::to_string(first) + " and " + std::to_string(i) +
              " wait at different barriers, at lines " + std::to_string(here) + " and " +
              std::to_string(there);
    return false;
  }
  return true;
}

}  // namespace tilewright::cuda_sim
