#include "artifact.h"

#include <cstring>

#include "device_program.h"
#include "safetensors.h"

namespace tilewright {
namespace {

[[noreturn]] void damaged(const std::string& why) {
  fail(ErrorKind::Damaged, "artifact: the file is damaged: %.400s", why.c_str());
}

}  // namespace

// The pieces of the section of kernels; see docs/artifact.md.
class KernelReader {
 public:
  using Piece = std::pair<const void*, size_t>;

  explicit KernelReader(const ArtifactFile::Section& section)
      : data_(section.data), left_(section.size) {}

  uint64_t number() {
    if (left_ < 8) damaged("the kernels end too early");
    uint64_t value;
    std::memcpy(&value, data_, 8);
    data_ += 8, left_ -= 8;
    return value;
  }

  Piece piece(uint64_t size) {
    if (size > left_ || (size + 7) / 8 * 8 > left_) damaged("the kernels end too early");
    const Piece result{data_, size_t(size)};
    const size_t padded = size_t((size + 7) / 8 * 8);
    data_ += padded, left_ -= padded;
    return result;
  }

  // Code, words and tables of the next kernel.
  std::vector<Piece> kernel() {
    const uint64_t n_tables = number();
    if (n_tables > kMaxArguments) damaged("a kernel has too many tables");
    std::vector<uint64_t> sizes;
    for (uint64_t i = 0; i < n_tables + 2; ++i) sizes.push_back(number());
    std::vector<Piece> pieces;
    for (const uint64_t size : sizes) pieces.push_back(piece(size));
    return pieces;
  }

  void finish() const {
    if (left_) damaged("the kernels have bytes left over");
  }

 private:
  const char* data_;
  size_t left_;
};

// The named inputs, then the weights.
class Artifact::Inputs {
 public:
  Inputs(const Artifact& artifact, const ProgramInput* named) {
    const size_t count = artifact.inputs_.size(), weights = artifact.weights_.size();
    if (count + weights > kFew) many_.resize(count + weights);
    ProgramInput* all = many_.empty() ? few_ : many_.data();
    std::copy(named, named + count, all);
    std::copy(artifact.weights_.begin(), artifact.weights_.end(), all + count);
    all_ = all;
  }
  const ProgramInput* all() const { return all_; }

 private:
  static constexpr size_t kFew = 32;
  ProgramInput few_[kFew];
  std::vector<ProgramInput> many_;
  const ProgramInput* all_;
};

Artifact::Artifact(Bytes bytes, bool check_weights, const std::string& device) {
  const ArtifactFile file(std::move(bytes));
  for (const char* name : {"manifest", "program", "kernels"}) file.check(file.section(name));
  if (check_weights) file.check(file.section("weights"));
  const ArtifactFile::Section& text = file.section("manifest");
  manifest_.assign(text.data, text.size);
  try {
    const Json manifest = Json::parse("artifact: manifest", text.data, text.size);
    open_device(manifest, device);
    check_machine(manifest);
    read_sizes(manifest);
    read_manifest(manifest);
    load_program(file);
    load_weights(file, manifest);
    read_requirements(manifest);
  } catch (const Error& error) {
    // What the program and its kernels object to is here a fault of the file.
    const bool fault = error.kind == ErrorKind::Value || error.kind == ErrorKind::Shape ||
                       error.kind == ErrorKind::DType || error.kind == ErrorKind::Overflow;
    if (!fault) throw;
    damaged(error.what());
  }
}

void Artifact::load_program(const ArtifactFile& file) {
  KernelReader reader(file.section("kernels"));
  std::vector<std::shared_ptr<const AnyKernel>> kernels;
  for (uint64_t count = reader.number(); count; --count) kernels.push_back(load_kernel(reader));
  reader.finish();
  const ArtifactFile::Section& words = file.section("program");
  if (device_)
    program_ = std::make_unique<DeviceProgram>(*device_, words.data, words.size,
                                               std::move(kernels), program_name_);
  else
    program_ =
        std::make_unique<Program>(words.data, words.size, std::move(kernels), program_name_);
  if (size_t(program_->n_symbols()) != sizes_.size())
    damaged("the manifest names another number of sizes than the program has");
  if (size_t(program_->n_outputs()) != outputs_.size() ||
      size_t(program_->n_inputs()) < inputs_.size())
    damaged("the manifest has another number of inputs or outputs than the program");
  check_ports(inputs_, true);
  check_ports(outputs_, false);
}

std::shared_ptr<const AnyKernel> Artifact::load_kernel(KernelReader& reader) const {
  const std::vector<KernelReader::Piece> pieces = reader.kernel();
  const auto &code = pieces[0], &words = pieces[1];
  const std::vector<KernelReader::Piece> tables(pieces.begin() + 2, pieces.end());
  if (device_)
    return std::make_shared<DeviceKernel>(*device_, code.first, code.second, words.first,
                                          words.second, tables);
  return std::make_shared<Kernel>(code.first, code.second, words.first, words.second, tables);
}

// What the manifest says of inputs and outputs must be what the program says.
void Artifact::check_ports(const std::vector<Port>& ports, bool are_inputs) const {
  for (size_t i = 0; i < ports.size(); ++i) {
    const Port& port = ports[i];
    const int n = int(i);
    const DType type = are_inputs ? program_->input_type(n) : program_->output_type(n);
    const auto& dims = are_inputs ? program_->input_dims(n) : program_->output_dims(n);
    bool fits = port.type == type && port.dims.size() == dims.size();
    for (size_t axis = 0; fits && axis < dims.size(); ++axis) {
      const int64_t symbol = dims[axis].only_symbol();
      if (port.dims[axis] >= 0)
        fits = dims[axis].is_constant() && dims[axis].evaluate(nullptr) == port.dims[axis];
      else if (are_inputs || symbol >= 0)
        fits = symbol >= 0 && port.sizes[axis] == sizes_[size_t(symbol)];
      else
        fits = !dims[axis].is_constant();
    }
    if (!fits) damaged("the manifest says of " + port.name + " what the program does not");
  }
}

void Artifact::load_weights(const ArtifactFile& file, const Json& manifest) {
  const ArtifactFile::Section& section = file.section("weights");
  const std::vector<Tensor> tensors = read_safetensors(section.data, section.size);
  const Json* names = manifest.find("weights");
  if (!names || names->kind != Json::Kind::List || names->items.size() != tensors.size() ||
      inputs_.size() + tensors.size() != size_t(program_->n_inputs()))
    damaged("the manifest has another number of weights than the program or the file");
  weight_shapes_.reserve(tensors.size());  // inputs point into it
  for (const Json& name : names->items) {
    const Tensor* found = nullptr;
    for (const Tensor& tensor : tensors)
      if (name.kind == Json::Kind::Text && tensor.name == name.text) found = &tensor;
    if (!found) damaged("the manifest names a weight that is not there");
    add_weight(*found, file.owner());
  }
}

void Artifact::add_weight(const Tensor& tensor, const std::shared_ptr<const void>& owner) {
  const int number = int(inputs_.size() + weights_.size());
  const std::vector<SizeExpr>& dims = program_->input_dims(number);
  bool fits = tensor.type == program_->input_type(number) &&
              dims.size() == size_t(tensor.shape.ndim);
  for (size_t axis = 0; fits && axis < dims.size(); ++axis)
    fits = dims[axis].is_constant() && dims[axis].evaluate(nullptr) == tensor.shape.dims[axis];
  if (!fits) damaged("weight " + tensor.name + " is not what the program takes");
  BufferRef buffer;
  if (device_) {
    buffer = BufferRef(device_->allocate(tensor.bytes));
    if (tensor.bytes) device_->write(buffer.get(), tensor.data, tensor.bytes);
  } else if (reinterpret_cast<uintptr_t>(tensor.data) % uintptr_t(alignment(tensor.type)) == 0) {
    buffer = BufferRef(adopt(const_cast<char*>(tensor.data), tensor.bytes,
                             [](void* p) { delete static_cast<std::shared_ptr<const void>*>(p); },
                             new std::shared_ptr<const void>(owner)));
  } else {
    buffer = BufferRef(allocate(tensor.bytes));
    if (tensor.bytes) std::memcpy(buffer->data, tensor.data, size_t(tensor.bytes));
  }
  weight_shapes_.push_back(tensor.shape);
  const Shape& shape = weight_shapes_.back();
  weights_.push_back({buffer->data, buffer.get(), tensor.type, shape.ndim, shape.dims});
  weight_buffers_.push_back(std::move(buffer));
}

// --------------------------------------------------------------------------- running

void Artifact::check_kind(size_t number, const ProgramInput& input) const {
  const Port& port = inputs_[number];
  if (input.type != port.type)
    fail(ErrorKind::DType, "%s: got %s of dtype %s; it must be %s", name().c_str(),
         port.name.c_str(), tilewright::name(input.type), tilewright::name(port.type));
  if (size_t(input.ndim) != port.dims.size())
    fail(ErrorKind::Shape, "%s: got %s of shape %s; it must have %zu axes", name().c_str(),
         port.name.c_str(), shape_text(input.ndim, input.dims).c_str(), port.dims.size());
}

void Artifact::check_inputs(const ProgramInput* inputs, int64_t* symbols) const {
  std::vector<std::pair<size_t, size_t>> places(sizes_.size());  // input and axis that bind each
  std::vector<bool> bound(sizes_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Port& port = inputs_[i];
    check_kind(i, inputs[i]);
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const int64_t size = inputs[i].dims[axis];
      const int64_t symbol = program_->input_dims(int(i))[axis].only_symbol();
      if (symbol >= 0 && !bound[size_t(symbol)]) {
        places[size_t(symbol)] = {i, axis};
        bound[size_t(symbol)] = true;
        symbols[symbol] = size;
        continue;
      }
      const int64_t wanted = symbol >= 0 ? symbols[symbol] : port.dims[axis];
      if (size == wanted) continue;
      std::string why;
      if (symbol >= 0)
        why = " (" + sizes_[size_t(symbol)] + ", as on axis " +
              std::to_string(places[size_t(symbol)].second) + " of " +
              inputs_[places[size_t(symbol)].first].name + ")";
      fail(ErrorKind::Shape, "%s: got %s of shape %s; axis %zu must have size %lld%s",
           name().c_str(), port.name.c_str(),
           shape_text(inputs[i].ndim, inputs[i].dims).c_str(), axis,
           static_cast<long long>(wanted), why.c_str());
    }
  }
}

void Artifact::check_requirements(const int64_t* symbols) const {
  for (const Requirement& requirement : requirements_) {
    if (requirement.value.evaluate(symbols) >= 0) continue;
    std::string sizes;
    for (size_t i = 0; i < sizes_.size(); ++i)
      sizes += (i ? ", " : "") + sizes_[i] + " = " + std::to_string(symbols[i]);
    fail(ErrorKind::Shape, "%s: got the sizes %.200s; %.200s", name().c_str(), sizes.c_str(),
         requirement.reason.c_str());
  }
}

PlanRef Artifact::plan(const ProgramInput* inputs) const {
  std::vector<int64_t> symbols(sizes_.size());
  check_inputs(inputs, symbols.data());
  check_requirements(symbols.data());
  return program_->plan(Inputs(*this, inputs).all());
}

void Artifact::run(const ProgramPlan& plan, const ProgramInput* inputs,
                   ProgramOutput* outputs) const {
  if (!device_) return program_->run(plan, Inputs(*this, inputs).all(), outputs);
  std::vector<ProgramInput> moved(inputs, inputs + inputs_.size());
  std::vector<BufferRef> held;
  for (ProgramInput& input : moved) {
    if (input.buffer && input.buffer->device == device_) continue;
    const int64_t bytes = product(input.ndim, input.dims) * itemsize(input.type);
    held.push_back(BufferRef(device_->allocate(bytes)));
    if (bytes) device_->write(held.back().get(), input.data, bytes);
    input.buffer = held.back().get();
  }
  program_->run(plan, Inputs(*this, moved.data()).all(), outputs);
}

void Artifact::run_to_host(const ProgramPlan& plan, const ProgramInput* inputs,
                           ProgramOutput* outputs, char* const* places) const {
  if (!device_)  // the constructor made it so
    return static_cast<const Program&>(*program_).run(plan, Inputs(*this, inputs).all(), outputs,
                                                      places);
  run(plan, inputs, outputs);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Shape& shape = outputs[i].shape;
    const int64_t bytes = product(shape.ndim, shape.dims) * itemsize(outputs[i].type);
    BufferRef host(places[i] ? nullptr : allocate(bytes));
    if (bytes) device_->read(outputs[i].buffer.get(), 0, host ? host->data : places[i], bytes);
    outputs[i].buffer = std::move(host);
  }
}

}  // namespace tilewright
