// Reads what an artifact says of itself.
#include <cstdlib>

#include "artifact.h"
#include "cpu_features.h"

namespace tilewright {
namespace {

constexpr size_t kMaxName = 256, kMaxPorts = 4096;
constexpr size_t kMaxSizes = 64;

[[noreturn]] void damaged(const char* key, const char* why) {
  fail(ErrorKind::Damaged, "artifact: the manifest is damaged: %s %s", key, why);
}

const Json& member(const Json& object, const char* key, Json::Kind kind) {
  const Json* found = object.kind == Json::Kind::Object ? object.find(key) : nullptr;
  if (!found) damaged(key, "is missing");
  if (found->kind != kind) damaged(key, "is of the wrong kind");
  return *found;
}

// Names stand in messages, command lines and C strings.
const std::string& name_in(const char* key, const Json& value) {
  if (value.kind != Json::Kind::Text) damaged(key, "is not a text");
  const std::string& text = value.text;
  if (text.empty() || text.size() > kMaxName) damaged(key, "is empty or too long");
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '=')
      damaged(key, "has a character that names must not have");
  return text;
}

void check_unique(const char* key, const std::vector<Port>& ports) {
  for (size_t i = 0; i < ports.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (ports[i].name == ports[j].name) damaged(key, "have a name twice");
}

}  // namespace

void Artifact::open_device(const Json& manifest, const std::string& wanted) {
  device_name_ = name_in("device", member(manifest, "device", Json::Kind::Text));
  const size_t colon = wanted.find(':');
  if (!wanted.empty() && wanted.substr(0, colon) != device_name_)
    fail(ErrorKind::Foreign, "artifact: it is for the device %.100s, not %.100s",
         device_name_.c_str(), wanted.c_str());
  if (device_name_ == "cpu") return;
  const int number = colon == std::string::npos ? 0 : std::atoi(wanted.c_str() + colon + 1);
  try {
    device_ = &Device::open(device_name_, number);
  } catch (const Error& error) {
    fail(ErrorKind::Foreign, "artifact: it is for the device %.100s, which is not here: %.800s",
         device_name_.c_str(), error.what());
  }
}

void Artifact::check_machine(const Json& manifest) const {
  const Json& needs = member(manifest, "needs", Json::Kind::List);
  if (needs.items.empty() && !device_) damaged("needs", "names no processor");
  std::string missing;
  for (size_t i = 0; i < needs.items.size(); ++i) {
    const std::string& need = name_in("needs", needs.items[i]);
    if (i == 0 && need != architecture())
      fail(ErrorKind::Foreign, "artifact: it was compiled for %.100s processors; this one is %s",
           need.c_str(), architecture());
    if (i && !has_cpu_feature(need)) missing += (missing.empty() ? "" : ", ") + need;
  }
  if (!missing.empty())
    fail(ErrorKind::Foreign,
         "artifact: it was compiled for a processor with %.300s, which this one does not have; "
         "compile it for a lesser one (TILEWRIGHT_CPU)",
         missing.c_str());
}

void Artifact::read_sizes(const Json& manifest) {
  for (const Json& size : member(manifest, "sizes", Json::Kind::List).items)
    sizes_.push_back(name_in("sizes", size));
  if (sizes_.size() > kMaxSizes) damaged("sizes", "are too many");
}

void Artifact::read_manifest(const Json& manifest) {
  if (member(manifest, "format", Json::Kind::Integer).integer != kArtifactFormat)
    damaged("format", "is not that of the file");
  program_name_ = name_in("name", member(manifest, "name", Json::Kind::Text));
  inputs_ = read_ports(manifest, "inputs");
  outputs_ = read_ports(manifest, "outputs");
}

std::vector<Port> Artifact::read_ports(const Json& manifest, const char* key) const {
  std::vector<Port> ports;
  const Json& entries = member(manifest, key, Json::Kind::List);
  if (entries.items.size() > kMaxPorts) damaged(key, "are too many");
  for (const Json& entry : entries.items) ports.push_back(read_port(entry));
  check_unique(key, ports);
  return ports;
}

Port Artifact::read_port(const Json& entry) const {
  Port port;
  port.name = name_in("name", member(entry, "name", Json::Kind::Text));
  const std::string& type = member(entry, "dtype", Json::Kind::Text).text;
  int code = 0;
  while (code < kDTypes && type != kDTypeName[code]) ++code;
  if (code == kDTypes) damaged("dtype", "is not known");
  port.type = DType(code);
  for (const Json& dim : member(entry, "shape", Json::Kind::List).items) {
    const bool known = dim.kind == Json::Kind::Integer && dim.integer >= 0;
    port.dims.push_back(known ? dim.integer : -1);
    port.sizes.push_back(known ? std::to_string(dim.integer) : name_in("shape", dim));
  }
  if (port.dims.size() > kMaxRank) damaged("shape", "has over 32 axes");
  return port;
}

void Artifact::read_requirements(const Json& manifest) {
  for (const Json& entry : member(manifest, "requirements", Json::Kind::List).items) {
    std::vector<int64_t> words;
    for (const Json& word : member(entry, "words", Json::Kind::List).items) {
      if (word.kind != Json::Kind::Integer) damaged("words", "are not whole numbers");
      words.push_back(word.integer);
    }
    WordReader reader("a requirement", words.data(), words.size() * 8);
    Requirement requirement;
    requirement.value = SizeExpr::read(reader, int64_t(sizes_.size()));
    reader.finish();
    requirement.reason = member(entry, "reason", Json::Kind::Text).text;
    requirements_.push_back(std::move(requirement));
  }
}

}  // namespace tilewright
