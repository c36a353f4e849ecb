// tilewright-run: runs an artifact on arrays in files. Uses nothing but the C API.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "../api/tilewright.h"
#include "npy.h"
#include "options.h"

using namespace runner;

namespace {

struct Model {
  tilewright_model* handle = nullptr;
  ~Model() { tilewright_free(handle); }
};

void require(tilewright_status status, int code) {
  if (status != TILEWRIGHT_OK) throw Failure(code, tilewright_last_error());
}

std::string port_text(const tilewright_port& port) {
  std::string text = std::string(port.name) + ": " + tilewright_dtype_name(port.dtype) + "[";
  for (int32_t i = 0; i < port.rank; ++i) text += (i ? ", " : "") + std::string(port.sizes[i]);
  return text + "]";
}

void describe(const tilewright_model* model) {
  std::printf("%s, for the device %s\n", tilewright_name(model), tilewright_device(model));
  tilewright_port port;
  for (int32_t i = 0; i < tilewright_input_count(model); ++i) {
    require(tilewright_input(model, i, &port), kBadModel);
    std::printf("  input   %s\n", port_text(port).c_str());
  }
  for (int32_t i = 0; i < tilewright_output_count(model); ++i) {
    require(tilewright_output(model, i, &port), kBadModel);
    std::printf("  output  %s\n", port_text(port).c_str());
  }
}

// The files by number: named ones where they belong, the others in the order of what is left.
template <class Find>
std::vector<std::string> in_order(const std::vector<NamedFile>& files, int32_t count, Find find,
                                  const char* what) {
  std::vector<std::string> paths(static_cast<size_t>(count));
  for (const NamedFile& file : files) {
    if (file.name.empty()) continue;
    const int32_t number = find(file.name.c_str());
    if (number < 0)
      throw Failure(kWrongUsage, std::string("the model has no ") + what + " " + file.name +
                                     "; see --describe");
    std::string& path = paths[size_t(number)];
    if (!path.empty()) throw Failure(kWrongUsage, file.name + " is given twice");
    path = file.path;
  }
  size_t next = 0;
  for (const NamedFile& file : files) {
    if (!file.name.empty()) continue;
    while (next < paths.size() && !paths[next].empty()) ++next;
    if (next == paths.size())
      throw Failure(kWrongUsage, std::string("got too many files: the model has ") +
                                     std::to_string(count) + " " + what + "s");
    paths[next] = file.path;
  }
  return paths;
}

std::vector<Array> read_inputs(const tilewright_model* model, const Options& options) {
  const int32_t count = tilewright_input_count(model);
  const auto paths = in_order(options.inputs, count,
                              [&](const char* n) { return tilewright_find_input(model, n); },
                              "input");
  std::vector<Array> arrays;
  for (int32_t i = 0; i < count; ++i) {
    tilewright_port port;
    require(tilewright_input(model, i, &port), kBadModel);
    if (paths[size_t(i)].empty())
      throw Failure(kWrongUsage, std::string("no file for input ") + port_text(port) +
                                     "; give it by --input " + port.name + "=FILE.npy");
    arrays.push_back(read_npy(paths[size_t(i)]));
  }
  return arrays;
}

std::vector<tilewright_tensor> tensors_of(std::vector<Array>& arrays) {
  std::vector<tilewright_tensor> tensors;
  for (Array& array : arrays) {
    tilewright_tensor tensor{};
    tensor.data = array.bytes.data();
    tensor.bytes = int64_t(array.bytes.size());
    tensor.dtype = array.dtype;
    tensor.rank = int32_t(array.shape.size());
    std::copy(array.shape.begin(), array.shape.end(), tensor.shape);
    tensors.push_back(tensor);
  }
  return tensors;
}

struct Outputs : std::vector<tilewright_tensor> {
  using vector::vector;
  ~Outputs() { release(); }
  void release() {
    for (tilewright_tensor& tensor : *this) tilewright_release(&tensor);
  }
};

double run_once(const tilewright_model* model, const std::vector<tilewright_tensor>& inputs,
                Outputs& outputs) {
  const auto start = std::chrono::steady_clock::now();
  require(tilewright_run(model, int32_t(inputs.size()), inputs.data(), int32_t(outputs.size()),
                         outputs.data()),
          kBadRun);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return taken.count();
}

void run_often(const tilewright_model* model, const std::vector<tilewright_tensor>& inputs,
               Outputs& outputs, int64_t repeat) {
  std::vector<double> times;
  for (int64_t i = 0; i < repeat; ++i) times.push_back(run_once(model, inputs, outputs));
  std::printf("first %.3f us", 1e6 * times[0]);
  std::sort(times.begin(), times.end());
  std::printf(", median %.3f us, least %.3f us, of %lld runs on %d threads\n",
              1e6 * times[times.size() / 2], 1e6 * times[0], static_cast<long long>(repeat),
              tilewright_threads());
}

void run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  Model model;
  tilewright_options how{};
  how.skip_weights_checksum = options.trust;
  how.device = options.device.empty() ? nullptr : options.device.c_str();
  require(tilewright_load(options.model.c_str(), &how, &model.handle), kBadModel);
  const std::chrono::duration<double> loaded = std::chrono::steady_clock::now() - start;
  if (options.manifest) std::printf("%s\n", tilewright_manifest(model.handle));
  if (options.describe) describe(model.handle);
  if (options.manifest || options.describe) return;
  if (options.threads) require(tilewright_set_threads(options.threads), kWrongUsage);
  const int32_t n_outputs = tilewright_output_count(model.handle);
  const auto targets =
      in_order(options.outputs, n_outputs,
               [&](const char* n) { return tilewright_find_output(model.handle, n); }, "output");
  std::vector<Array> arrays = read_inputs(model.handle, options);
  const std::vector<tilewright_tensor> inputs = tensors_of(arrays);
  Outputs outputs(static_cast<size_t>(n_outputs));
  if (options.repeat) {
    std::printf("loaded in %.3f ms\n", 1e3 * loaded.count());
    run_often(model.handle, inputs, outputs, options.repeat);
  } else {
    run_once(model.handle, inputs, outputs);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const tilewright_tensor& output = outputs[i];
    if (!targets[i].empty())
      write_npy(targets[i], output.dtype, output.shape, output.rank, output.data, output.bytes);
  }
}

}  // namespace

int main(int count, char** words) {
  try {
    const Options options = parse_options(count, words);
    if (options.help) return std::fputs(kHelp, stdout) < 0;
    if (options.version) return std::printf("tilewright-run %s\n", tilewright_version()) < 0;
    run(options);
    return std::fflush(stdout) ? kBadFile : 0;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return failure.code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return kBadRun;
  }
}
