#include "safetensors.h"

#include <algorithm>
#include <cstring>

#include "json.h"

namespace tilewright {
namespace {

constexpr const char* kCodes[kDTypes] = {"BOOL", "I8",  "I16", "I32",  "I64", "U8", "U16",
                                         "U32",  "U64", "F16", "BF16", "F32", "F64", "C64", "C128"};

[[noreturn]] void damaged(const std::string& name, const char* why) {
  fail(ErrorKind::Damaged, "artifact: weight %.100s: %s", name.c_str(), why);
}

const Json& member(const std::string& name, const Json& entry, const char* key, Json::Kind kind) {
  const Json* found = entry.find(key);
  if (!found || found->kind != kind) damaged(name, "its entry is not as safetensors has it");
  return *found;
}

DType type_of(const std::string& name, const std::string& code) {
  for (int i = 0; i < kDTypes; ++i)
    if (code == kCodes[i]) return DType(i);
  damaged(name, "its dtype is not known");
}

Tensor read_entry(const std::string& name, const Json& entry, const char* data, int64_t size) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = type_of(name, member(name, entry, "dtype", Json::Kind::Text).text);
  const Json& shape = member(name, entry, "shape", Json::Kind::List);
  if (shape.items.size() > kMaxRank) damaged(name, "its rank is over 32");
  for (const Json& dim : shape.items) {
    if (dim.kind != Json::Kind::Integer || dim.integer < 0) damaged(name, "its shape is wrong");
    tensor.shape.dims[tensor.shape.ndim++] = dim.integer;
  }
  const Json& places = member(name, entry, "data_offsets", Json::Kind::List);
  if (places.items.size() != 2 || places.items[0].kind != Json::Kind::Integer ||
      places.items[1].kind != Json::Kind::Integer)
    damaged(name, "it has no proper place");
  const int64_t begin = places.items[0].integer, end = places.items[1].integer;
  if (begin < 0 || end < begin || end > size) damaged(name, "it lies outside the section");
  tensor.bytes = itemsize(tensor.type);
  for (int i = 0; i < tensor.shape.ndim; ++i)
    if (!multiply(tensor.bytes, tensor.shape.dims[i], &tensor.bytes)) tensor.bytes = -1;
  if (tensor.bytes != end - begin) damaged(name, "its size is not that of its shape");
  tensor.data = data + begin;
  return tensor;
}

void check_places(const std::vector<Tensor>& tensors, const char* data, int64_t size) {
  std::vector<const Tensor*> order;
  for (const Tensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
    return a->data != b->data ? a->data < b->data : a->bytes < b->bytes;
  });
  const char* at = data;
  for (const Tensor* tensor : order) {
    if (tensor->data != at) damaged(tensor->name, "it does not follow the one before");
    at += tensor->bytes;
  }
  if (at != data + size)
    fail(ErrorKind::Damaged, "artifact: the weights do not fill their section");
}

}  // namespace

std::vector<Tensor> read_safetensors(const char* data, size_t size) {
  uint64_t header = 0;
  if (size < 8) fail(ErrorKind::Damaged, "artifact: the section of weights has no header");
  std::memcpy(&header, data, 8);
  if (header > size - 8)
    fail(ErrorKind::Damaged, "artifact: the header of the weights is longer than their section");
  const Json table = Json::parse("artifact: weights", data + 8, size_t(header));
  if (table.kind != Json::Kind::Object)
    fail(ErrorKind::Damaged, "artifact: the header of the weights is not a table");
  const char* const start = data + 8 + header;
  const int64_t left = int64_t(size - 8 - size_t(header));
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < table.keys.size(); ++i)
    if (table.keys[i] != "__metadata__")
      tensors.push_back(read_entry(table.keys[i], table.items[i], start, left));
  check_places(tensors, start, left);
  return tensors;
}

}  // namespace tilewright
