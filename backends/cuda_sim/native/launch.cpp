// Launches: the shape is checked at once, the blocks run later, one after the other.
#include <cstdio>
#include <cstring>

#include "records.h"

namespace tilewright::cuda_sim {
namespace {

constexpr int kPoison = 0xA5;  // what shared memory holds before a kernel writes it

struct Launch {
  tw_function* function;
  tw_launch shape;
  std::vector<tw_argument> arguments;
  std::vector<Held> memory;
};

int bad_shape(tw_error* error, const tw_function* function, const char* what, long long got,
              long long most) {
  std::snprintf(error->text, sizeof error->text,
                "cudaErrorInvalidConfiguration: %s: got %s of %lld; the most is %lld",
                function->kernel->name, what, got, most);
  return TW_FAILED;
}

int64_t static_shared(const tw_sim_kernel& kernel) {
  return kernel.shared_begin ? kernel.shared_end - kernel.shared_begin : 0;
}

int check_shape(const tw_function* function, const tw_launch& launch, tw_error* error) {
  static constexpr const char* grids[] = {"grid.x", "grid.y", "grid.z"};
  static constexpr const char* blocks[] = {"block.x", "block.y", "block.z"};
  int64_t threads = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t most_blocks = axis == 0 ? kMaxGridX : kMaxGridYZ;
    if (launch.grid[axis] < 1 || launch.grid[axis] > most_blocks)
      return bad_shape(error, function, grids[axis], launch.grid[axis], most_blocks);
    const int32_t most_threads = axis == 2 ? kMaxBlockZ : kMaxBlockXY;
    if (launch.block[axis] < 1 || launch.block[axis] > most_threads)
      return bad_shape(error, function, blocks[axis], launch.block[axis], most_threads);
    threads *= launch.block[axis];
  }
  if (threads > kMaxThreads)
    return bad_shape(error, function, "a block", threads, kMaxThreads);
  const int64_t shared = static_shared(*function->kernel) + launch.shared;
  if (launch.shared < 0 || shared > kMaxShared)
    return bad_shape(error, function, "shared memory", shared, kMaxShared);
  return TW_OK;
}

tw_sim_place place_of(const tw_launch& shape, int64_t block, void* dynamic) {
  const auto word = [](int64_t value) { return uint32_t(value); };
  tw_sim_place place{};
  place.grid_dim = {word(shape.grid[0]), word(shape.grid[1]), word(shape.grid[2])};
  place.block_dim = {word(shape.block[0]), word(shape.block[1]), word(shape.block[2])};
  place.block = {word(block % shape.grid[0]), word(block / shape.grid[0] % shape.grid[1]),
                 word(block / shape.grid[0] / shape.grid[1])};
  place.dynamic_shared = dynamic;
  return place;
}

bool run_blocks(tw_queue* queue, const Launch& launch, const void* const* arguments,
                std::string& failure) {
  const tw_sim_kernel& kernel = *launch.function->kernel;
  tw_module* module = launch.function->module;
  const std::lock_guard<std::mutex> lock(module->mutex);
  std::vector<char> dynamic(size_t(launch.shape.shared) + 64);
  void* aligned = reinterpret_cast<void*>(
      (reinterpret_cast<uintptr_t>(dynamic.data()) + 63) & ~uintptr_t(63));
  const int64_t* grid = launch.shape.grid;
  for (int64_t block = 0; block < grid[0] * grid[1] * grid[2]; ++block) {
    if (kernel.shared_begin) std::memset(kernel.shared_begin, kPoison, static_shared(kernel));
    std::memset(aligned, kPoison, size_t(launch.shape.shared));
    const tw_sim_place place = place_of(launch.shape, block, aligned);
    std::string reason;
    if (queue->runner.run(kernel, arguments, module->table->place, place, reason)) continue;
    failure = std::string("cudaErrorLaunchFailure: ") + kernel.name + ", block " +
              std::to_string(block) + ": " + reason;
    return false;
  }
  return true;
}

bool run_launch(tw_queue* queue, const Launch& launch, std::string& failure) {
  std::vector<std::unique_ptr<Opened>> opened;
  std::vector<void*> pointers(launch.arguments.size());
  std::vector<const void*> arguments(launch.arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    const tw_argument& argument = launch.arguments[i];
    arguments[i] = &argument.value;
    if (!argument.memory) continue;
    opened.push_back(std::make_unique<Opened>(argument.memory));
    pointers[i] = argument.memory->base + argument.value;
    arguments[i] = &pointers[i];
  }
  return run_blocks(queue, launch, arguments.data(), failure);
}

}  // namespace

int queue_launch(tw_queue* queue, tw_function* function, const tw_launch* shape,
                 int32_t n_arguments, const tw_argument* arguments, tw_error* error) {
  const int status = check_shape(function, *shape, error);
  if (status) return status;
  Launch launch{function, *shape, {arguments, arguments + n_arguments}, {}};
  for (const tw_argument& argument : launch.arguments)
    if (argument.memory) launch.memory.emplace_back(argument.memory);
  queue->push([queue, launch = std::move(launch)](std::string& failure) {
    return failure.empty() && run_launch(queue, launch, failure);
  });
  return TW_OK;
}

}  // namespace tilewright::cuda_sim
