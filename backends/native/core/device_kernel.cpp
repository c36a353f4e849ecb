#include "device_kernel.h"

#include "timeline.h"

namespace tilewright {
namespace {
constexpr int64_t kMagic = 0x544431;
constexpr int64_t kMaxBlocks = INT32_MAX;  // along an axis of the grid
}  // namespace

DeviceKernel::DeviceKernel(Device& device, const void* code, size_t code_bytes, const void* words,
                           size_t words_bytes,
                           const std::vector<std::pair<const void*, size_t>>& tables)
    : device_(device) {
  WordReader reader("kernel", words, words_bytes);
  const int n_phases = read_head(reader, kMagic, 0);
  for (const Scratch& area : scratch_)
    if (area.per_thread) reader.damaged("a device has no scratch area for each thread");
  std::vector<std::string> symbols;
  for (int i = 0; i < n_phases; ++i) {
    read_phase(reader);
    symbols.push_back(phases_.back().symbol);
  }
  reader.finish();
  set_label(symbols);
  check_tables(tables.size());
  load_tables(tables);
  load(code, code_bytes);
}

DeviceKernel::~DeviceKernel() {
  if (module_) device_.unload(module_);
}

void DeviceKernel::read_phase(WordReader& words) {
  Phase phase{};
  phase.symbol = words.text("length of a symbol", 4096);
  phase.label = timeline::intern(phase.symbol);
  for (SizeExpr& size : phase.grid) size = SizeExpr::read(words, n_sizes_);
  for (SizeExpr& size : phase.block) size = SizeExpr::read(words, n_sizes_);
  phase.shared = SizeExpr::read(words, n_sizes_);
  phases_.push_back(std::move(phase));
}

void DeviceKernel::load_tables(const std::vector<std::pair<const void*, size_t>>& tables) {
  for (const auto& [data, bytes] : tables) {
    BufferRef table(device_.allocate(int64_t(bytes)));
    device_.write(table.get(), data, int64_t(bytes));
    tables_.push_back(std::move(table));
  }
}

// Last in the constructor: should a function be missing, nobody else would unload the module.
void DeviceKernel::load(const void* code, size_t bytes) {
  module_ = device_.load(code, bytes, &binary_);
  try {
    for (Phase& phase : phases_)
      phase.function = device_.function(module_, phase.symbol.c_str());
  } catch (...) {
    device_.unload(module_);
    throw;
  }
}

void DeviceKernel::plan(const int64_t* sizes, LaunchPlan& plan) const {
  for (int i = 0; i < n_sizes_; ++i) plan.sizes[i] = sizes[i];
  plan.cost = 0;
  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    tw_launch& launch = plan.grids[i];
    for (int axis = 0; axis < 3; ++axis) {
      launch.grid[axis] = checked_extent(phase.grid[axis], sizes, 0, "number of blocks");
      const int64_t threads = checked_extent(phase.block[axis], sizes, 1, "size of a block");
      launch.block[axis] = int32_t(threads > INT32_MAX ? INT32_MAX : threads);
    }
    launch.shared = checked_extent(phase.shared, sizes, 0, "size of shared memory");
    check_launch(phase, launch);
  }
  plan_scratch(sizes, plan);
}

void DeviceKernel::check_launch(const Phase& phase, const tw_launch& launch) const {
  const tw_properties& has = device_.properties();
  int64_t threads = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (launch.grid[axis] > kMaxBlocks)
      fail(ErrorKind::Shape, "kernel %s: a grid of %lld blocks; at most %lld can be launched",
           phase.symbol.c_str(), static_cast<long long>(launch.grid[axis]),
           static_cast<long long>(kMaxBlocks));
    threads *= launch.block[axis];
    if (threads > has.threads)
      fail(ErrorKind::Device, "kernel %s: a block of %lld threads; %s (%s) takes %d",
           phase.symbol.c_str(), static_cast<long long>(threads), device_.name(), has.name,
           has.threads);
  }
  if (launch.shared > has.shared)
    fail(ErrorKind::Device, "kernel %s: %lld bytes of shared memory; %s (%s) has %lld",
         phase.symbol.c_str(), static_cast<long long>(launch.shared), device_.name(), has.name,
         static_cast<long long>(has.shared));
}

void DeviceKernel::run(const LaunchPlan& plan, const tw_argument* buffers) const {
  const timeline::LaunchSpan span(label_);
  tw_argument arguments[kMaxArguments];
  int count = 0;
  for (int i = 0; i < n_buffers_; ++i) arguments[count++] = buffers[i];
  // Given back at the end of this function, though the phases run later: who gets these blocks
  // next queues his work behind them.
  BufferRef areas[kMaxScratch];
  for (size_t i = 0; i < scratch_.size(); ++i) {
    areas[i] = BufferRef(device_.allocate(plan.scratch[i]));
    arguments[count++] = {memory_of(areas[i].get()), 0};
  }
  for (const BufferRef& table : tables_) arguments[count++] = {memory_of(table.get()), 0};
  for (int i = 0; i < n_sizes_; ++i) arguments[count++] = {nullptr, plan.sizes[i]};
  for (size_t i = 0; i < phases_.size(); ++i) {
    const tw_launch& launch = plan.grids[i];
    if (launch.grid[0] && launch.grid[1] && launch.grid[2])
      device_.launch(phases_[i].function, launch, count, arguments, phases_[i].label,
                     span.number());
  }
}

}  // namespace tilewright
