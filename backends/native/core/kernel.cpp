#include "kernel.h"

#include <algorithm>
#include <cstring>

#include "call.h"
#include "pool.h"
#include "timeline.h"

namespace tilewright {
namespace {

constexpr int64_t kMagic = 0x544B31;
constexpr int64_t kMaxExtent = int64_t{1} << 60;  // leaves room for the pool's arithmetic

int64_t saturating_multiply(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_mul_overflow(a, b, &result) ? kMaxExtent : result;
}

// What the symbols of a kernel's phases begin with: its name.
std::string common_name(const std::vector<std::string>& symbols) {
  std::string name = symbols.front();
  for (const std::string& other : symbols) {
    size_t same = 0;
    while (same < name.size() && same < other.size() && name[same] == other[same]) ++same;
    name.resize(same);
  }
  const size_t end = std::min(name.find("_phase"), name.find_last_not_of('_') + 1);
  return end && end != std::string::npos ? name.substr(0, end) : symbols.front();
}

BufferRef copy_table(const void* data, size_t bytes) {
  BufferRef table(allocate(int64_t(bytes)));
  if (bytes) std::memcpy(table->data, data, bytes);
  return table;
}

}  // namespace

int64_t checked_extent(const SizeExpr& expression, const int64_t* sizes, int64_t low,
                       const char* what) {
  const int64_t value = expression.evaluate(sizes);
  if (value < low || value > kMaxExtent)
    fail(ErrorKind::Shape, "kernel: the %s is %lld; it must be %lld to 2**60", what,
         static_cast<long long>(value), static_cast<long long>(low));
  return value;
}

int AnyKernel::read_head(WordReader& words, int64_t magic, int further_arguments) {
  words.magic(magic);
  n_buffers_ = int(words.next("number of buffers", 0, kMaxArguments));
  n_outputs_ = int(words.next("number of outputs", 0, n_buffers_));
  const int64_t n_scratch = words.next("number of scratch areas", 0, kMaxScratch);
  n_tables_ = int(words.next("number of tables", 0, kMaxArguments));
  n_sizes_ = int(words.next("number of sizes", 0, kMaxArguments));
  const int64_t n_phases = words.next("number of phases", 1, kMaxPhases);
  n_arguments_ = n_buffers_ + int(n_scratch) + n_tables_ + further_arguments + n_sizes_;
  if (n_arguments_ > kMaxArguments)
    fail(ErrorKind::Value, "kernel: it has %d arguments; at most %d can be passed", n_arguments_,
         kMaxArguments);
  for (int64_t i = 0; i < n_scratch; ++i) {
    const bool per_thread = words.next("per-thread flag", 0, 1) != 0;
    scratch_.push_back({per_thread, SizeExpr::read(words, n_sizes_)});
  }
  return int(n_phases);
}

void AnyKernel::set_label(const std::vector<std::string>& symbols) {
  label_ = timeline::intern(common_name(symbols));
}

void AnyKernel::check_tables(size_t count) const {
  if (count != size_t(n_tables_))
    fail(ErrorKind::Value, "kernel: got %zu tables; its words say %d", count, n_tables_);
}

void AnyKernel::plan_scratch(const int64_t* sizes, LaunchPlan& plan) const {
  for (size_t i = 0; i < scratch_.size(); ++i)
    plan.scratch[i] = checked_extent(scratch_[i].bytes, sizes, 0, "size of a scratch area");
}

int64_t AnyKernel::scratch_bytes(const LaunchPlan& plan, int threads) const {
  int64_t total = 0;
  for (size_t i = 0; i < scratch_.size(); ++i) {
    const int64_t one = round_up(plan.scratch[i], kAlignment);
    const int64_t all = saturating_multiply(one, scratch_[i].per_thread ? threads : 1);
    total = total + all > kMaxExtent ? kMaxExtent : total + all;
  }
  return total;
}

Kernel::Kernel(const void* object, size_t object_bytes, const void* words, size_t words_bytes,
               const std::vector<std::pair<const void*, size_t>>& tables) {
  image_ = std::make_unique<ElfImage>(object, object_bytes);
  WordReader reader("kernel", words, words_bytes);
  const int n_phases = read_head(reader, kMagic, 2);
  std::vector<std::string> symbols;
  for (int i = 0; i < n_phases; ++i) symbols.push_back(read_phase(reader));
  reader.finish();
  set_label(symbols);
  check_tables(tables.size());
  for (const auto& [data, bytes] : tables) tables_.push_back(copy_table(data, bytes));
}

std::string Kernel::read_phase(WordReader& words) {
  Phase phase;
  const std::string symbol = words.text("length of a symbol", 4096);
  phase.function = image_->function(symbol);
  phase.label = timeline::intern(symbol);
  phase.extent = SizeExpr::read(words, n_sizes_);
  phase.grain = SizeExpr::read(words, n_sizes_);
  phase.cost = SizeExpr::read(words, n_sizes_);
  phases_.push_back(std::move(phase));
  return symbol;
}

void Kernel::plan(const int64_t* sizes, LaunchPlan& plan) const {
  for (int i = 0; i < n_sizes_; ++i) plan.sizes[i] = sizes[i];
  plan.cost = 0;
  for (size_t i = 0; i < phases_.size(); ++i) {
    LaunchPlan::Phase& mine = plan.phases[i];
    mine.extent = checked_extent(phases_[i].extent, sizes, 0, "extent of a phase");
    mine.grain = checked_extent(phases_[i].grain, sizes, 1, "grain of a phase");
    mine.cost = saturating_multiply(mine.extent, checked_extent(phases_[i].cost, sizes, 0, "cost"));
    if (mine.cost > kMaxExtent) mine.cost = kMaxExtent;
    plan.cost = plan.cost + mine.cost > kMaxExtent ? kMaxExtent : plan.cost + mine.cost;
  }
  plan_scratch(sizes, plan);
}

void Kernel::set_arguments(const LaunchPlan& plan, void* const* buffers,
                           int64_t* arguments) const {
  int64_t* at = arguments;
  for (int i = 0; i < n_buffers_; ++i) *at++ = reinterpret_cast<int64_t>(buffers[i]);
  for (size_t i = 0; i < scratch_.size(); ++i) *at++ = 0;
  for (const BufferRef& table : tables_) *at++ = reinterpret_cast<int64_t>(table->data);
  at += 2;  // begin and end
  for (int i = 0; i < n_sizes_; ++i) *at++ = plan.sizes[i];
}

void Kernel::set_scratch(const LaunchPlan& plan, int threads, int thread, char* memory,
                         int64_t* arguments) const {
  for (size_t i = 0; i < scratch_.size(); ++i) {
    const int64_t one = round_up(plan.scratch[i], kAlignment);
    const bool own = scratch_[i].per_thread;
    char* area = memory + (own ? thread : 0) * one;
    arguments[size_t(n_buffers_) + i] = reinterpret_cast<int64_t>(area);
    memory += one * (own ? threads : 1);
  }
}

// What a call passes beside the arguments.
void Kernel::pad(int64_t* arguments) const {
  const size_t count = size_t(n_arguments_);
  std::fill(arguments + count, arguments + passed(count), 0);
}

// The fewest units that are handed out at once, so that threads finish together: an eighth of a
// fair share leaves the last one alone for a sixteenth of the time. Ranges of a few microseconds
// pay, but a product reads all of B again for each.
static int64_t least_range(const LaunchPlan::Phase& phase, int threads) {
  const int64_t unit = std::max<int64_t>(phase.cost / phase.extent, 1);
  const int64_t pays = std::max(kAwakeCost / unit, phase.extent / (32 * threads));
  return std::clamp<int64_t>(pays, 1, std::max<int64_t>(phase.extent / (8 * threads), 1));
}

void Kernel::run_phase(const LaunchPlan& plan, int phase, int threads, char* memory,
                       const int64_t* arguments, int64_t launch) const {
  void* const function = phases_[size_t(phase)].function;
  const Caller call = caller_of<kMaxArguments>(n_arguments_);
  const int range = n_arguments_ - n_sizes_ - 2;
  const int32_t label = phases_[size_t(phase)].label;
  auto body = [&](int thread, int64_t begin, int64_t end) {
    const timeline::Span span(timeline::Category::Kernel, label, end - begin, launch);
    int64_t mine[kMaxArguments];
    std::memcpy(mine, arguments, sizeof(int64_t) * passed(size_t(n_arguments_)));
    set_scratch(plan, threads, thread, memory, mine);
    mine[range] = begin;
    mine[range + 1] = end;
    call(function, mine);
  };
  const LaunchPlan::Phase& sizes = plan.phases[phase];
  if (sizes.cost < kAwakeCost || sizes.cost < parallel_cost())
    body(0, 0, sizes.extent);
  else
    parallel(sizes.extent, sizes.grain, threads, body, least_range(sizes, threads));
}

void Kernel::run(const LaunchPlan& plan, void* const* buffers) const {
  const timeline::LaunchSpan span(label_);
  if (scratch_.empty() && (plan.cost < kAwakeCost || plan.cost < parallel_cost())) {
    const int32_t label = n_phases() == 1 ? phases_[0].label : label_;
    const timeline::Span kernel(timeline::Category::Kernel, label, plan.phases[0].extent,
                                span.number());
    return run_serial(plan, buffers);
  }
  const int threads = num_threads();
  BufferRef memory;
  if (!scratch_.empty()) memory = BufferRef(allocate(scratch_bytes(plan, threads)));
  int64_t arguments[kMaxArguments];
  pad(arguments);
  set_arguments(plan, buffers, arguments);
  for (int i = 0; i < n_phases(); ++i)
    if (plan.phases[i].extent)
      run_phase(plan, i, threads, memory ? memory->data : nullptr, arguments, span.number());
}

void Kernel::run_serial(const LaunchPlan& plan, void* const* buffers) const {
  int64_t arguments[kMaxArguments];
  pad(arguments);
  set_arguments(plan, buffers, arguments);
  const Caller call = caller_of<kMaxArguments>(n_arguments_);
  int64_t* range = arguments + (n_arguments_ - n_sizes_ - 2);
  for (size_t i = 0; i < phases_.size(); ++i) {
    if (plan.phases[i].extent == 0) continue;
    range[0] = 0;
    range[1] = plan.phases[i].extent;
    call(phases_[i].function, arguments);
  }
}

}  // namespace tilewright
