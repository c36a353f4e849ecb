// What a program does with control flow before it runs: reads, checks and plans it.
#include "flow.h"

namespace tilewright {
namespace {

constexpr int64_t kManyPrograms = 1 << 16, kManyValues = 1 << 16;
constexpr int64_t kLong = 1'000'000'000;  // what a loop of unknown turns may cost, in picoseconds

// Whether a program takes the first values of the last one and returns `n_outputs`.
bool fits(const AnyProgram& program, const Flow& flow, int n_inputs, int n_outputs) {
  if (program.n_inputs() != n_inputs || program.n_outputs() != n_outputs) return false;
  for (int i = 0; i < n_inputs; ++i)
    if (program.input_type(i) != flow.last().input_type(i)) return false;
  return true;
}

// Whether results [0, count) have the types of the values from `first` on.
bool keeps(const AnyProgram& program, int first, int count) {
  for (int i = 0; i < count; ++i)
    if (program.output_type(i) != program.input_type(first + i)) return false;
  return true;
}

bool is_test(const AnyProgram& program) {
  return program.n_outputs() == 1 && program.output_type(0) == DType::Bool;
}

bool is_loop(const Flow& flow, const AnyProgram& test, const AnyProgram& body, int n_values) {
  return flow.n_constants + flow.n_carries == n_values && is_test(test) &&
         fits(test, flow, n_values, 1) && fits(body, flow, n_values, flow.n_carries) &&
         keeps(body, flow.n_constants, flow.n_carries);
}

bool is_sound(const Flow& flow) {
  const auto& programs = flow.programs;
  const int n_taken = flow.last().n_inputs();
  if (int(flow.dims.size()) != n_taken) return false;
  switch (flow.kind) {
    case Flow::Cond:
      for (const AnyProgram* program : programs)
        if (!fits(*program, flow, n_taken, flow.n_outputs)) return false;
      return flow.n_inputs == n_taken + 1;
    case Flow::While:
      return programs.size() == 2 && flow.n_inputs == n_taken &&
             flow.n_outputs == flow.n_carries &&
             is_loop(flow, *programs[0], *programs[1], n_taken);
    case Flow::Scan:
      return programs.size() == 1 && flow.n_inputs == n_taken &&
             flow.n_constants + flow.n_carries <= n_taken && flow.n_carries <= flow.n_outputs &&
             fits(flow.last(), flow, n_taken, flow.n_outputs) &&
             keeps(flow.last(), flow.n_constants, flow.n_carries);
    case Flow::WhileVjp: {
      if (programs.size() != 3) return false;
      const int n_values = programs[1]->n_inputs();
      return is_loop(flow, *programs[0], *programs[1], n_values) &&
             n_taken == n_values + flow.n_outputs && flow.n_inputs >= n_values &&
             flow.n_inputs <= n_taken && fits(flow.last(), flow, n_taken, flow.n_outputs) &&
             keeps(flow.last(), n_values, flow.n_outputs);
    }
  }
  return false;
}

int64_t bytes_of(const char* name, const Shape& shape, DType type) {
  return checked_size(name, shape.ndim, shape.dims, itemsize(type)) * itemsize(type);
}

int64_t times(const char* name, int64_t bytes, int64_t length) {
  int64_t all;
  if (!multiply(bytes, length, &all))
    fail(ErrorKind::Memory, "%s: %lld slices of %lld bytes are too many", name,
         static_cast<long long>(length), static_cast<long long>(bytes));
  return all;
}

}  // namespace

void AnyProgram::read_programs(WordReader& words, const MakeProgram& make) {
  const int64_t count = words.next("number of programs", 0, kManyPrograms);
  for (int64_t i = 0; i < count; ++i) {
    std::string name = words.text("name of a program", 1000);
    const std::vector<int64_t> inner = words.some("length of a program");
    programs_.push_back(make(inner.data(), inner.size() * 8, kernels_, std::move(name)));
  }
}

void AnyProgram::read_flow(WordReader& words, Instruction& step) {
  auto flow = std::make_shared<Flow>();
  flow->kind = step.operation == While  ? Flow::While
               : step.operation == Cond ? Flow::Cond
               : step.operation == Scan ? Flow::Scan
                                        : Flow::WhileVjp;
  const int64_t n_programs = words.next("number of programs", 1, kManyPrograms);
  for (int64_t i = 0; i < n_programs; ++i) {
    const int64_t number = words.next("program", 0, int64_t(programs_.size()) - 1);
    flow->programs.push_back(programs_[size_t(number)].get());
  }
  flow->n_constants = int(words.next("number of constants", 0, kManyValues));
  flow->n_carries = int(words.next("number of carries", 0, kManyValues));
  flow->length = SizeExpr::read(words, n_symbols_);
  flow->reverse = words.next("direction", 0, 1) != 0;
  flow->n_inputs = int(words.next("number of values", 0, kManyValues));
  for (int i = 0; i < flow->n_inputs; ++i) step.slots.push_back(read_slot(words));
  flow->n_outputs = int(words.next("number of results", 0, kManyValues));
  for (int i = 0; i < flow->n_outputs; ++i) {
    step.slots.push_back(read_slot(words));
    if (slots_[size_t(step.slots.back())].kind == InputSlot)
      words.damaged("control flow writes an input");
  }
  const int64_t n_shapes = words.next("number of shapes", 0, kManyValues);
  for (int64_t i = 0; i < n_shapes; ++i) {
    flow->dims.emplace_back();
    const int64_t ndim = words.next("rank", 0, kMaxRank);
    for (int64_t axis = 0; axis < ndim; ++axis)
      flow->dims.back().push_back(SizeExpr::read(words, n_symbols_));
  }
  if (!is_sound(*flow)) words.damaged("control flow does not fit its programs");
  step.flow = std::move(flow);
}

void AnyProgram::plan_flow(const Instruction& step, ProgramPlan& plan) const {
  const Flow& flow = *step.flow;
  const char* name = name_.c_str();
  auto made = std::make_shared<FlowPlan>();
  made->length = flow.length.evaluate(plan.symbols.data());
  if (made->length < 0) fail(ErrorKind::Shape, "%s: a loop has a negative number of turns", name);
  made->shapes.reserve(flow.dims.size());  // the inputs below point into it
  for (size_t i = 0; i < flow.dims.size(); ++i) {
    Shape shape;
    for (const SizeExpr& dim : flow.dims[i])
      shape.dims[shape.ndim++] = dim.evaluate(plan.symbols.data());
    const DType type = flow.last().input_type(int(i));
    made->bytes.push_back(bytes_of(name, shape, type));
    made->shapes.push_back(shape);
    const Shape& kept = made->shapes.back();
    made->taken.push_back({nullptr, nullptr, type, kept.ndim, kept.dims});
  }
  int64_t cost = 0;
  for (const AnyProgram* program : flow.programs) {
    made->programs.push_back(program->plan(made->taken.data()));
    cost += made->programs.back()->cost;
  }
  const ProgramPlan& last = *made->programs.back().plan;
  for (size_t i = 0; i < last.outputs.size(); ++i)
    made->given.push_back(bytes_of(name, last.outputs[i], flow.last().output_type(int(i))));
  check_flow(step, plan, *made);
  if (flow.kind != Flow::Cond) cost = flow.kind == Flow::Scan ? cost * made->length : kLong;
  plan.cost = plan.cost > (int64_t{1} << 61) || cost < 0 ? plan.cost : plan.cost + cost;
  plan.flows.push_back(std::move(made));
}

// All values lie within their slots, and a loop's carries keep their sizes.
void AnyProgram::check_flow(const Instruction& step, const ProgramPlan& plan,
                            const FlowPlan& made) const {
  const Flow& flow = *step.flow;
  const char* name = name_.c_str();
  const int n_whole = flow.n_constants + flow.n_carries;
  const bool is_scan = flow.kind == Flow::Scan;
  const auto require = [&](int64_t bytes, int value) {
    const int64_t found = room(plan, step.slots[size_t(value)]);
    if (bytes > found)
      fail(ErrorKind::Value, "%s: value %d of control flow is %lld bytes in a slot of %lld", name,
           value, static_cast<long long>(bytes), static_cast<long long>(found));
  };
  const int shift = flow.kind == Flow::Cond ? 1 : 0;
  if (shift) require(8, 0);
  for (int i = 0; i < flow.n_inputs - shift; ++i) {
    const int64_t bytes = made.bytes[size_t(i)];
    require(is_scan && i >= n_whole ? times(name, bytes, made.length) : bytes, i + shift);
  }
  for (int i = 0; i < flow.n_outputs; ++i) {
    const int64_t bytes = made.given[size_t(i)];
    require(is_scan && i >= flow.n_carries ? times(name, bytes, made.length) : bytes,
            flow.n_inputs + i);
  }
  const size_t first = size_t(flow.n_constants);
  const size_t body = flow.kind == Flow::Cond   ? flow.programs.size()
                      : flow.kind == Flow::Scan ? 0
                                                : 1;
  if (body == flow.programs.size()) return;
  const auto& outputs = made.programs[body]->outputs;
  for (size_t i = 0; i < size_t(flow.n_carries); ++i)
    if (!same_shape(outputs[i], made.shapes[first + i]))
      fail(ErrorKind::Shape, "%s: a loop changes the shape of its state", name);
  if (flow.kind != Flow::WhileVjp) return;
  const size_t n_values = size_t(flow.programs[1]->n_inputs());
  for (size_t i = 0; i < made.given.size(); ++i)
    if (made.given[i] != made.bytes[n_values + i])
      fail(ErrorKind::Shape, "%s: a loop's gradient changes its shape", name);
}

}  // namespace tilewright
