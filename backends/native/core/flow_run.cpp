// Control flow on the host: programs run again and again over memory that two sets of places share.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "flow.h"

namespace tilewright {
namespace {

Interrupt on_interrupt = nullptr;

int64_t now_in_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

int64_t aligned(int64_t bytes) { return (bytes + 63) & ~int64_t{63}; }

// Places of consecutive values in one block of memory.
class Block {
 public:
  template <class Sizes>
  Block(const Sizes& bytes, size_t first, size_t count) {
    int64_t total = 0;
    for (size_t i = 0; i < count; ++i) total += aligned(bytes[first + i]);
    buffer_ = BufferRef(allocate(total));
    char* at = buffer_->data;
    for (size_t i = 0; i < count; ++i) {
      places_.push_back(at);
      at += aligned(bytes[first + i]);
    }
  }
  char* const* places() const { return places_.data(); }

 private:
  BufferRef buffer_;
  std::vector<char*> places_;
};

// One run of the instruction.
class Run {
 public:
  Run(const Flow& flow, const FlowPlan& plan, char* const* data)
      : flow_(flow), plan_(plan), in_(data), out_(data + flow.n_inputs), now_(plan.taken),
        results_(size_t(std::max(flow.n_outputs, flow.n_carries)) + 1) {  // the body's, too
    const size_t shift = flow.kind == Flow::Cond ? 1 : 0;
    for (size_t i = 0; i + shift < size_t(flow.n_inputs); ++i) now_[i].data = in_[i + shift];
  }

  void cond() {
    int64_t index;
    std::memcpy(&index, in_[0], sizeof index);
    if (index < 0 || index >= int64_t(flow_.programs.size()))
      fail(ErrorKind::Value, "cond: got branch %lld of %zu", static_cast<long long>(index),
           flow_.programs.size());
    run(size_t(index), out_);
  }

  void loop() {
    const Block spare(plan_.bytes, first(), carries());
    Watch watch;
    for (int64_t turn = 0; holds(); ++turn) {
      char* const* target = turn % 2 ? spare.places() : out_;
      run(1, target);
      set(first(), target, carries());
      watch.turn();
    }
    leave(first(), out_, carries());
  }

  void scan() {
    const Block spare(plan_.bytes, first(), carries());
    const size_t n_whole = first() + carries();
    std::vector<char*> target(size_t(flow_.n_outputs));
    Watch watch;
    for (int64_t turn = 0; turn < plan_.length; ++turn) {
      const int64_t at = flow_.reverse ? plan_.length - 1 - turn : turn;
      for (size_t i = n_whole; i < now_.size(); ++i) now_[i].data = in_[i] + at * plan_.bytes[i];
      for (size_t i = 0; i < target.size(); ++i)
        target[i] = i >= carries()  ? out_[i] + at * plan_.given[i]
                    : turn % 2 ? spare.places()[i]
                                    : out_[i];
      run(0, target.data());
      set(first(), target.data(), carries());
      watch.turn();
    }
    leave(first(), out_, carries());
  }

  // Forward once more with all states kept, then backward over them.
  void loop_vjp() {
    const size_t n_values = size_t(flow_.programs[1]->n_inputs());
    const size_t n_results = size_t(flow_.n_outputs), n_given = size_t(flow_.n_inputs) - n_values;
    std::vector<Block> states;
    Watch watch;
    while (holds()) {
      states.emplace_back(plan_.bytes, first(), carries());
      run(1, states.back().places());
      set(first(), states.back().places(), carries());
      watch.turn();
    }
    const Block spare(plan_.bytes, n_values, n_results), zeros(plan_.bytes, n_values, n_results);
    for (size_t i = n_given; i < n_results; ++i) {
      std::memset(zeros.places()[i], 0, size_t(plan_.given[i]));
      now_[n_values + i].data = zeros.places()[i];
    }
    for (size_t turn = states.size(); turn-- > 0;) {
      set(first(), turn ? states[turn - 1].places() : in_ + first(), carries());
      char* const* target = turn % 2 ? spare.places() : out_;
      run(2, target);
      set(n_values, target, n_results);
      watch.turn();
    }
    leave(n_values, out_, n_results);
  }

 private:
  size_t first() const { return size_t(flow_.n_constants); }
  size_t carries() const { return size_t(flow_.n_carries); }

  bool holds() {
    bool answer = false;
    char* place = reinterpret_cast<char*>(&answer);
    run(0, &place);
    return answer;
  }

  void run(size_t program, char* const* places) {
    // The programs of a host's program are of the host.
    const auto& inner = static_cast<const Program&>(*flow_.programs[program]);
    inner.run(*plan_.programs[program].plan, now_.data(), results_.data(), places);
  }

  void set(size_t value, char* const* places, size_t count) {
    for (size_t i = 0; i < count; ++i) now_[value + i].data = places[i];
  }

  // The values of the last turn to where they are wanted.
  void leave(size_t value, char* const* places, size_t count) {
    for (size_t i = 0; i < count; ++i)
      if (now_[value + i].data != places[i] && plan_.bytes[value + i])
        std::memcpy(places[i], now_[value + i].data, size_t(plan_.bytes[value + i]));
  }

  const Flow& flow_;
  const FlowPlan& plan_;
  char* const* in_;
  char* const* out_;
  std::vector<ProgramInput> now_;
  std::vector<ProgramOutput> results_;
};

}  // namespace

void run_flow(const Flow& flow, const FlowPlan& plan, char* const* data) {
  Run run(flow, plan, data);
  switch (flow.kind) {
    case Flow::Cond: return run.cond();
    case Flow::While: return run.loop();
    case Flow::Scan: return run.scan();
    case Flow::WhileVjp: return run.loop_vjp();
  }
}

void set_interrupt(Interrupt interrupt) { on_interrupt = interrupt; }

Watch::Watch() : next_(on_interrupt ? now_in_ms() + 50 : 0) {}

void Watch::look() {
  if (!on_interrupt || now_in_ms() < next_) return;
  next_ = now_in_ms() + 50;
  on_interrupt();
}

}  // namespace tilewright
