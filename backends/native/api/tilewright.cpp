// The C API on top of the core: no exception leaves it, and every failure leaves a message.
#include "tilewright.h"

#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "../core/artifact.h"
#include "../core/pool.h"

using namespace tilewright;

struct tilewright_model {
  tilewright_model(Bytes bytes, bool check, const std::string& device)
      : artifact(std::move(bytes), check, device) {}
  Artifact artifact;
};

namespace {

static_assert(TILEWRIGHT_MAX_RANK == kMaxRank, "the API's largest rank is the core's");
static_assert(TILEWRIGHT_COMPLEX128 == int(DType::Complex128), "the API's dtypes are the core's");

// Of fixed size, so that keeping a message cannot fail.
thread_local char last_error[1024] = "";

tilewright_status failed(tilewright_status status, const char* message) {
  std::snprintf(last_error, sizeof last_error, "%s", message);
  return status;
}

tilewright_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Shape: return TILEWRIGHT_BAD_SHAPE;
    case ErrorKind::DType: return TILEWRIGHT_BAD_DTYPE;
    case ErrorKind::Memory: return TILEWRIGHT_NO_MEMORY;
    case ErrorKind::Damaged: return TILEWRIGHT_DAMAGED;
    case ErrorKind::Foreign: return TILEWRIGHT_FOREIGN;
    case ErrorKind::System: return TILEWRIGHT_SYSTEM;
    case ErrorKind::Device: return TILEWRIGHT_DEVICE_FAILED;
    case ErrorKind::Check: return TILEWRIGHT_CHECK_FAILED;
    default: return TILEWRIGHT_BAD_ARGUMENT;
  }
}

template <class Body>
tilewright_status guarded(Body body) {
  try {
    body();
    return TILEWRIGHT_OK;
  } catch (const Error& error) {
    return failed(status_of(error.kind), error.what());
  } catch (const std::bad_alloc&) {
    return failed(TILEWRIGHT_NO_MEMORY, "tilewright: out of memory");
  } catch (const std::exception& error) {
    return failed(TILEWRIGHT_INTERNAL, error.what());
  } catch (...) {
    return failed(TILEWRIGHT_INTERNAL, "tilewright: an unknown failure");
  }
}

void require(bool holds, const char* function, const char* what) {
  if (!holds) fail(ErrorKind::Value, "%s: %s", function, what);
}

// The environment's settings, once; a bad one fails each load.
void configure() {
  static const bool ready = [] {
    configure_memory();
    configure_threads();
    return true;
  }();
  (void)ready;
}

void load(Bytes bytes, const tilewright_options& options, tilewright_model** model) {
  const std::string device = options.device ? options.device : "";
  *model = new tilewright_model(std::move(bytes), !options.skip_weights_checksum, device);
}

Bytes copied(const void* data, size_t size) {
  Buffer* buffer = allocate(int64_t(size));
  std::memcpy(buffer->data, data, size);
  return {buffer->data, size, std::shared_ptr<const void>(buffer, [](Buffer* b) { release(b); })};
}

tilewright_status describe(const std::vector<Port>& ports, int32_t number, tilewright_port* port) {
  return guarded([&] {
    require(port != nullptr, "tilewright: describe", "got a null pointer");
    if (number < 0 || size_t(number) >= ports.size())
      fail(ErrorKind::Value, "tilewright: describe: got number %d; there are %zu", number,
           ports.size());
    const Port& found = ports[size_t(number)];
    *port = {};
    port->name = found.name.c_str();
    port->dtype = int32_t(found.type);
    port->rank = int32_t(found.dims.size());
    for (size_t i = 0; i < found.dims.size(); ++i) {
      port->shape[i] = found.dims[i];
      port->sizes[i] = found.sizes[i].c_str();
    }
  });
}

int32_t find(const std::vector<Port>& ports, const char* name) {
  for (size_t i = 0; name && i < ports.size(); ++i)
    if (ports[i].name == name) return int32_t(i);
  return -1;
}

// What a call is given, checked, as the core wants it.
std::vector<ProgramInput> inputs_of(const Artifact& artifact, const char* function,
                                    int32_t count, const tilewright_tensor* inputs,
                                    bool need_data) {
  require(count >= 0 && size_t(count) == artifact.inputs().size(), function,
          "the number of inputs is not that of the model");
  require(inputs || count == 0, function, "got a null pointer for the inputs");
  std::vector<ProgramInput> result;
  for (int32_t i = 0; i < count; ++i) {
    const tilewright_tensor& tensor = inputs[i];
    const char* name = artifact.inputs()[size_t(i)].name.c_str();
    require(is_code(tensor.dtype), function, "an input has no proper dtype");
    require(tensor.rank >= 0 && tensor.rank <= kMaxRank, function, "an input has no proper rank");
    const DType type = DType(tensor.dtype);
    const int64_t bytes =
        checked_size(name, tensor.rank, tensor.shape, itemsize(type)) * itemsize(type);
    if (need_data) {
      if (bytes != tensor.bytes)
        fail(ErrorKind::Value, "%s: input %s has %lld bytes; its shape takes %lld", function, name,
             static_cast<long long>(tensor.bytes), static_cast<long long>(bytes));
      require(tensor.data || bytes == 0, function, "an input has no data");
      require(reinterpret_cast<uintptr_t>(tensor.data) % uintptr_t(alignment(type)) == 0, function,
              "an input is not aligned to its elements");
    }
    result.push_back({static_cast<char*>(tensor.data), nullptr, type, tensor.rank, tensor.shape});
  }
  return result;
}

void set_kind(tilewright_tensor& tensor, DType type, const Shape& shape) {
  tensor.dtype = int32_t(type);
  tensor.rank = shape.ndim;
  std::memset(tensor.shape, 0, sizeof tensor.shape);
  std::copy(shape.dims, shape.dims + shape.ndim, tensor.shape);
}

int64_t bytes_of(DType type, const Shape& shape) {
  return product(shape.ndim, shape.dims) * itemsize(type);
}

// Where each output shall lie; checks that the caller's memory will do.
std::vector<char*> places_of(const Artifact& artifact, const ProgramPlan& plan,
                             const tilewright_tensor* outputs) {
  std::vector<char*> places;
  for (size_t i = 0; i < artifact.outputs().size(); ++i) {
    const Port& port = artifact.outputs()[i];
    const int64_t bytes = bytes_of(port.type, plan.outputs[i]);
    char* data = static_cast<char*>(outputs[i].data);
    if (data && outputs[i].bytes < bytes)
      fail(ErrorKind::Value, "tilewright_run: output %s has room for %lld bytes; it takes %lld",
           port.name.c_str(), static_cast<long long>(outputs[i].bytes),
           static_cast<long long>(bytes));
    require(!data || reinterpret_cast<uintptr_t>(data) % uintptr_t(alignment(port.type)) == 0,
            "tilewright_run", "an output is not aligned to its elements");
    places.push_back(data);
  }
  return places;
}

void check_outputs(const Artifact& artifact, const char* function, int32_t count,
                   const tilewright_tensor* outputs) {
  require(count >= 0 && size_t(count) == artifact.outputs().size(), function,
          "the number of outputs is not that of the model");
  require(outputs || count == 0, function, "got a null pointer for the outputs");
}

// The caller may write to what it gets: a weight, or what two outputs share, is copied.
void make_own(ProgramOutput& result) {
  if (exclusive(result.buffer.get())) return;
  const int64_t bytes = bytes_of(result.type, result.shape);
  BufferRef copy(allocate(bytes));
  if (bytes) std::memcpy(copy->data, result.buffer->data, size_t(bytes));
  result.buffer = std::move(copy);
}

void run(const Artifact& artifact, int32_t n_inputs, const tilewright_tensor* inputs,
         int32_t n_outputs, tilewright_tensor* outputs) {
  check_outputs(artifact, "tilewright_run", n_outputs, outputs);
  const auto given = inputs_of(artifact, "tilewright_run", n_inputs, inputs, true);
  const PlanRef plan = artifact.plan(given.data());
  const std::vector<char*> places = places_of(artifact, *plan.plan, outputs);
  std::vector<ProgramOutput> results(artifact.outputs().size());
  artifact.run_to_host(*plan.plan, given.data(), results.data(), places.data());
  for (size_t i = 0; i < results.size(); ++i)
    if (!places[i]) make_own(results[i]);
  for (size_t i = 0; i < results.size(); ++i) {
    tilewright_tensor& output = outputs[i];
    set_kind(output, results[i].type, results[i].shape);
    output.bytes = bytes_of(results[i].type, results[i].shape);
    if (places[i]) continue;
    Buffer* buffer = results[i].buffer.take();
    output.data = buffer->data;
    output.owner = buffer;
  }
}

}  // namespace

extern "C" {

const char* tilewright_version(void) { return TILEWRIGHT_VERSION; }
int32_t tilewright_format_version(void) { return int32_t(kArtifactFormat); }
const char* tilewright_last_error(void) { return last_error; }

tilewright_status tilewright_load(const char* path, const tilewright_options* options,
                                  tilewright_model** model) {
  return guarded([&] {
    require(path && model, "tilewright_load", "got a null pointer");
    configure();
    const tilewright_options chosen = options ? *options : tilewright_options{};
    load(open_file(path, chosen.copy != 0), chosen, model);
  });
}

tilewright_status tilewright_load_memory(const void* data, size_t bytes,
                                         const tilewright_options* options,
                                         tilewright_model** model) {
  return guarded([&] {
    require(data && model, "tilewright_load_memory", "got a null pointer");
    configure();
    const tilewright_options chosen = options ? *options : tilewright_options{};
    load(chosen.copy ? copied(data, bytes) : Bytes{static_cast<const char*>(data), bytes, nullptr},
         chosen, model);
  });
}

void tilewright_free(tilewright_model* model) { delete model; }

const char* tilewright_name(const tilewright_model* model) {
  return model ? model->artifact.name().c_str() : "";
}
const char* tilewright_device(const tilewright_model* model) {
  return model ? model->artifact.device_name().c_str() : "";
}
const char* tilewright_manifest(const tilewright_model* model) {
  return model ? model->artifact.manifest().c_str() : "";
}
int32_t tilewright_input_count(const tilewright_model* model) {
  return model ? int32_t(model->artifact.inputs().size()) : 0;
}
int32_t tilewright_output_count(const tilewright_model* model) {
  return model ? int32_t(model->artifact.outputs().size()) : 0;
}
int32_t tilewright_find_input(const tilewright_model* model, const char* name) {
  return model ? find(model->artifact.inputs(), name) : -1;
}
int32_t tilewright_find_output(const tilewright_model* model, const char* name) {
  return model ? find(model->artifact.outputs(), name) : -1;
}

tilewright_status tilewright_input(const tilewright_model* model, int32_t number,
                                   tilewright_port* port) {
  if (!model) return failed(TILEWRIGHT_BAD_ARGUMENT, "tilewright_input: got a null pointer");
  return describe(model->artifact.inputs(), number, port);
}

tilewright_status tilewright_output(const tilewright_model* model, int32_t number,
                                    tilewright_port* port) {
  if (!model) return failed(TILEWRIGHT_BAD_ARGUMENT, "tilewright_output: got a null pointer");
  return describe(model->artifact.outputs(), number, port);
}

tilewright_status tilewright_infer(const tilewright_model* model, int32_t n_inputs,
                                   const tilewright_tensor* inputs, int32_t n_outputs,
                                   tilewright_tensor* outputs) {
  return guarded([&] {
    require(model != nullptr, "tilewright_infer", "got a null pointer");
    const Artifact& artifact = model->artifact;
    check_outputs(artifact, "tilewright_infer", n_outputs, outputs);
    const auto given = inputs_of(artifact, "tilewright_infer", n_inputs, inputs, false);
    const PlanRef plan = artifact.plan(given.data());
    for (size_t i = 0; i < artifact.outputs().size(); ++i) {
      set_kind(outputs[i], artifact.outputs()[i].type, plan->outputs[i]);
      outputs[i].bytes = bytes_of(artifact.outputs()[i].type, plan->outputs[i]);
    }
  });
}

tilewright_status tilewright_run(const tilewright_model* model, int32_t n_inputs,
                                 const tilewright_tensor* inputs, int32_t n_outputs,
                                 tilewright_tensor* outputs) {
  return guarded([&] {
    require(model != nullptr, "tilewright_run", "got a null pointer");
    run(model->artifact, n_inputs, inputs, n_outputs, outputs);
  });
}

void tilewright_release(tilewright_tensor* output) {
  if (!output || !output->owner) return;
  release(static_cast<Buffer*>(output->owner));
  output->owner = output->data = nullptr;
}

tilewright_status tilewright_set_threads(int32_t count) {
  return guarded([&] { set_num_threads(count); });
}
int32_t tilewright_threads(void) { return num_threads(); }

const char* tilewright_dtype_name(int32_t dtype) {
  return is_code(dtype) ? kDTypeName[dtype] : nullptr;
}
int32_t tilewright_dtype_bytes(int32_t dtype) {
  return is_code(dtype) ? itemsize(DType(dtype)) : 0;
}

}  // extern "C"
