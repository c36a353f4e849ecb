// Control flow on a device: what is decided is read to the host, what is computed stays there.
#include "device_flow.h"

namespace tilewright {
namespace {

// One run of the instruction; values and results are whole buffers of the device.
class Run {
 public:
  Run(Device& device, const Flow& flow, const FlowPlan& plan, std::vector<BufferRef> values)
      : device_(device), flow_(flow), plan_(plan), values_(std::move(values)) {}

  std::vector<BufferRef> cond() {
    int64_t index = 0;
    device_.read(values_[0].get(), 0, &index, sizeof index);
    if (index < 0 || index >= int64_t(flow_.programs.size()))
      fail(ErrorKind::Value, "cond: got branch %lld of %zu", static_cast<long long>(index),
           flow_.programs.size());
    values_.erase(values_.begin());
    return run(size_t(index));
  }

  std::vector<BufferRef> loop() {
    Watch watch;
    while (holds()) {
      put(first(), run(1));
      watch.turn();
    }
    return taken(first(), carries());
  }

  std::vector<BufferRef> scan() {
    const size_t n_whole = first() + carries(), n_results = size_t(flow_.n_outputs);
    std::vector<BufferRef> stacked = taken(n_whole, values_.size() - n_whole), results;
    for (size_t i = carries(); i < n_results; ++i)
      results.emplace_back(device_.allocate(plan_.given[i] * plan_.length));
    Watch watch;
    for (int64_t turn = 0; turn < plan_.length; ++turn) {
      const int64_t at = flow_.reverse ? plan_.length - 1 - turn : turn;
      for (size_t i = n_whole; i < values_.size(); ++i) {
        const int64_t bytes = plan_.bytes[i];
        values_[i] = BufferRef(device_.allocate(bytes));
        copy(stacked[i - n_whole].get(), at * bytes, values_[i].get(), 0, bytes);
      }
      std::vector<BufferRef> found = run(0);
      for (size_t i = carries(); i < n_results; ++i)
        copy(found[i].get(), 0, results[i - carries()].get(), at * plan_.given[i], plan_.given[i]);
      found.resize(carries());
      put(first(), std::move(found));
      watch.turn();
    }
    std::vector<BufferRef> all = taken(first(), carries());
    for (BufferRef& result : results) all.push_back(std::move(result));
    return all;
  }

  // Forward once more with all states kept, then backward over them.
  std::vector<BufferRef> loop_vjp() {
    const size_t n_values = size_t(flow_.programs[1]->n_inputs()), n_results = plan_.given.size();
    for (size_t i = values_.size() - n_values; i < n_results; ++i) values_.push_back(zeros(i));
    std::vector<std::vector<BufferRef>> states;
    Watch watch;
    while (holds()) {
      states.push_back(shared(first(), carries()));
      put(first(), run(1));
      watch.turn();
    }
    for (; !states.empty(); states.pop_back()) {
      put(first(), std::move(states.back()));
      put(n_values, run(2));
      watch.turn();
    }
    return taken(n_values, n_results);
  }

 private:
  size_t first() const { return size_t(flow_.n_constants); }
  size_t carries() const { return size_t(flow_.n_carries); }

  bool holds() {
    bool answer = false;
    device_.read(run(0)[0].get(), 0, &answer, sizeof answer);
    return answer;
  }

  std::vector<BufferRef> run(size_t number) {
    const AnyProgram& program = *flow_.programs[number];
    std::vector<ProgramInput> inputs = plan_.taken;
    for (size_t i = 0; i < size_t(program.n_inputs()); ++i) inputs[i].buffer = values_[i].get();
    std::vector<ProgramOutput> outputs(size_t(program.n_outputs()));
    program.run(*plan_.programs[number].plan, inputs.data(), outputs.data());
    std::vector<BufferRef> found;
    for (ProgramOutput& output : outputs) found.push_back(std::move(output.buffer));
    return found;
  }

  void put(size_t value, std::vector<BufferRef> found) {
    for (size_t i = 0; i < found.size(); ++i) values_[value + i] = std::move(found[i]);
  }

  std::vector<BufferRef> taken(size_t value, size_t count) {
    std::vector<BufferRef> found;
    for (size_t i = 0; i < count; ++i) found.push_back(std::move(values_[value + i]));
    return found;
  }

  std::vector<BufferRef> shared(size_t value, size_t count) {
    std::vector<BufferRef> found;
    for (size_t i = 0; i < count; ++i) found.push_back(BufferRef::share(values_[value + i].get()));
    return found;
  }

  BufferRef zeros(size_t result) {
    const int64_t bytes = plan_.given[result];
    BufferRef made(device_.allocate(bytes));
    const std::vector<char> nothing(size_t(bytes), 0);
    if (bytes) device_.write(made.get(), nothing.data(), bytes);
    return made;
  }

  void copy(const Buffer* from, int64_t from_offset, Buffer* to, int64_t to_offset,
            int64_t bytes) {
    if (bytes) device_.copy(from, from_offset, to, to_offset, bytes);
  }

  Device& device_;
  const Flow& flow_;
  const FlowPlan& plan_;
  std::vector<BufferRef> values_;
};

}  // namespace

std::vector<BufferRef> run_flow(Device& device, const Flow& flow, const FlowPlan& plan,
                                std::vector<BufferRef> values) {
  Run run(device, flow, plan, std::move(values));
  switch (flow.kind) {
    case Flow::Cond: return run.cond();
    case Flow::While: return run.loop();
    case Flow::Scan: return run.scan();
    case Flow::WhileVjp: return run.loop_vjp();
  }
  return {};
}

}  // namespace tilewright
