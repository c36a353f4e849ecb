// A compiled function from a file: its program, kernels and weights, run without Python.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "artifact_file.h"
#include "devices.h"
#include "json.h"
#include "program.h"

namespace tilewright {

// What a named input or output is. Unknown sizes are -1 in `dims`; `sizes` has the text of all.
struct Port {
  std::string name;
  DType type;
  std::vector<int64_t> dims;
  std::vector<std::string> sizes;
};

class Artifact {
 public:
  // Everything is checked before anything runs: throws Error(Damaged) for what is not whole,
  // Error(Foreign) for what is not for this library, processor or device. The checksum of the
  // weights, which is most of the time for large ones, may be left out. `device` may name which of
  // several is meant ("opencl:1"), and must be of the kind that the artifact was compiled for.
  Artifact(Bytes bytes, bool check_weights, const std::string& device = "");

  const std::string& name() const { return program_->name(); }
  const std::string& manifest() const { return manifest_; }
  std::vector<std::string> routines() const { return program_->routines(); }
  const std::string& device_name() const { return device_name_; }
  Device* device() const { return device_; }  // null: the host
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }

  // Checks the named inputs (Error(DType), Error(Shape)) and gives the plan for their sizes.
  PlanRef plan(const ProgramInput* inputs) const;

  // As Program::run, on the named inputs alone. On a device inputs may be whole buffers there, or
  // lie in the host's memory; the outputs are buffers there.
  void run(const ProgramPlan& plan, const ProgramInput* inputs, ProgramOutput* outputs) const;

  // The same with outputs in the host's memory, at `places` or (where that is null) in buffers.
  void run_to_host(const ProgramPlan& plan, const ProgramInput* inputs, ProgramOutput* outputs,
                   char* const* places) const;

 private:
  struct Requirement {
    SizeExpr value;  // must not be negative
    std::string reason;
  };
  class Inputs;

  void read_manifest(const Json& manifest);
  void open_device(const Json& manifest, const std::string& wanted);
  void check_machine(const Json& manifest) const;
  void read_sizes(const Json& manifest);
  void read_requirements(const Json& manifest);
  std::vector<Port> read_ports(const Json& manifest, const char* key) const;
  Port read_port(const Json& entry) const;
  void check_ports(const std::vector<Port>& ports, bool are_inputs) const;
  void load_program(const ArtifactFile& file);
  std::shared_ptr<const AnyKernel> load_kernel(class KernelReader& reader) const;
  void load_weights(const ArtifactFile& file, const Json& manifest);
  void add_weight(const struct Tensor& tensor, const std::shared_ptr<const void>& owner);
  void check_kind(size_t number, const ProgramInput& input) const;
  void check_inputs(const ProgramInput* inputs, int64_t* symbols) const;
  void check_requirements(const int64_t* symbols) const;

  std::string manifest_, device_name_, program_name_;
  Device* device_ = nullptr;
  std::vector<std::string> sizes_;  // the names of the unknown sizes
  std::vector<Port> inputs_, outputs_;
  std::vector<Requirement> requirements_;
  std::vector<Shape> weight_shapes_;
  std::vector<BufferRef> weight_buffers_;
  std::vector<ProgramInput> weights_;
  std::unique_ptr<AnyProgram> program_;
};

}  // namespace tilewright
