// The data structures of DLPack 1.0 (https://dmlc.github.io/dlpack).
#pragma once

#include <cstdint>

namespace tilewright::dlpack {

struct Version {
  uint32_t major, minor;
};

struct Device {
  int32_t type, id;
};

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: contiguous
  uint64_t byte_offset;
};

struct Managed {
  Tensor tensor;
  void* manager;
  void (*deleter)(Managed*);
};

struct ManagedVersioned {
  Version version;
  void* manager;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Tensor tensor;
};

constexpr int32_t kCpu = 1, kExtension = 12;
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6;
constexpr uint64_t kReadOnly = 1, kIsCopied = 2;
constexpr const char *kName = "dltensor", *kNameVersioned = "dltensor_versioned";
constexpr const char *kUsed = "used_dltensor", *kUsedVersioned = "used_dltensor_versioned";

}  // namespace tilewright::dlpack
