// What artifacts stand on: SHA-256, JSON, safetensors, the container, the C API.
#include <cmath>
#include <cstring>
#include <memory>

#include "../../backends/native/api/tilewright.h"
#include "artifact.h"
#include "cpu_features.h"
#include "harness.h"
#include "json.h"
#include "safetensors.h"
#include "sample.h"
#include "sha256.h"

using namespace tilewright;
using sample::constant;
using sample::join;
using sample::symbol;
using sample::times;
using sample::Words;

namespace {

Json parse(const std::string& text) { return Json::parse("test", text.data(), text.size()); }

std::string bytes_of(const Words& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * 8};
}

std::string number(uint64_t value, size_t size = 8) {
  return {reinterpret_cast<const char*>(&value), size};
}

std::string padded(std::string text, size_t multiple) {
  text.resize((text.size() + multiple - 1) / multiple * multiple);
  return text;
}

std::string digest(const std::string& text) {
  const Digest found = sha256(text.data(), text.size());
  return {reinterpret_cast<const char*>(found.data()), found.size()};
}

using Sections = std::vector<std::pair<std::string, std::string>>;

std::string assemble(const Sections& sections, uint32_t version = 1) {
  std::string table, body;
  const size_t start = 64 + 64 * sections.size();
  for (const auto& [name, content] : sections) {
    body = padded(body, 64);
    table += padded(name, 16) + number(start + body.size()) + number(content.size());
    table += digest(content);
    body += content;
  }
  std::string head = std::string("\x89TWA\r\n\x1a\n", 8) + number(version, 4) +
                     number(sections.size(), 4) + number(start + body.size()) + number(0);
  return head + digest(head + table) + table + body;
}

// total = x + weight, for the weight (1, 2, 3); `n` is unknown to the program but always 3.
Sections adding() {
  const Words add = join({{3, 0, 1, 2, 1}, symbol(0)});
  const Words program = join({{0x545031, 1, 2, 1, 1, 3}, constant(0), {11, 1}, symbol(0), {11, 1},
                              constant(3), {0, 0}, constant(0), {0, 1}, constant(0), {1, 11},
                              times(4, 0), {2, 11, 1}, symbol(0), {1, 0, 0}, add});
  const std::string words = bytes_of(sample::kernel_words("add", 1)), &code = sample::object();
  const std::string kernels = number(1) + number(0) + number(code.size()) + number(words.size()) +
                              padded(code, 8) + words;
  const float values[] = {1, 2, 3};
  std::string table = R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})";
  table.resize(56, ' ');
  const std::string weights = number(table.size()) + table +
                              std::string(reinterpret_cast<const char*>(values), sizeof values);
  const std::string manifest =
      std::string(R"({"format":1,"name":"adding","device":"cpu","needs":[")") + architecture() +
      R"("],"sizes":["n"],"requirements":[{"words":[10,1,0,0,-3,2,0,0,0,2,0],"reason":"3 or more"}],
      "inputs":[{"name":"x","dtype":"float32","shape":["n"]}],
      "outputs":[{"name":"total","dtype":"float32","shape":["n"]}],"weights":["w"]})";
  return {{"manifest", manifest},
          {"program", bytes_of(program)},
          {"kernels", kernels},
          {"weights", weights}};
}

// A block of its own, so that a sanitizer sees reads behind the end.
struct Block {
  explicit Block(const std::string& text) : size(text.size()), data(new char[text.size()]) {
    text.copy(data.get(), size);
  }
  Bytes bytes() const { return {data.get(), size, nullptr}; }
  size_t size;
  std::unique_ptr<char[]> data;
};

bool loads(const std::string& file, bool check_weights = true) {
  const Block block(file);
  try {
    Artifact(block.bytes(), check_weights);
    return true;
  } catch (const Error& error) {
    const bool told = error.kind == ErrorKind::Damaged || error.kind == ErrorKind::Foreign ||
                      error.kind == ErrorKind::Memory;
    if (!told) std::printf("got: %s\n", error.what());
    CHECK(told);
    return false;
  }
}

}  // namespace

TEST(sha256_of_the_standard) {
  const auto of = [](const std::string& text) {
    const Digest slow = sha256_portable(text.data(), text.size());
    CHECK(slow == sha256(text.data(), text.size()));
    return hex(slow);
  };
  CHECK(of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(of(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  for (size_t i = 0; i < 300; ++i) of(std::string(i, char(i)));
}

TEST(json_reads_what_it_should) {
  const Json value = parse(R"( {"a": [1, -2, true, null, 1.5e3], "b": "x\n\u00e9\ud83d\ude00"} )");
  CHECK(value.kind == Json::Kind::Object && value.keys.size() == 2 && !value.find("c"));
  const Json& list = *value.find("a");
  CHECK(list.items.size() == 5 && list.items[1].integer == -2 && list.items[2].integer == 1);
  CHECK(list.items[4].kind == Json::Kind::Number && list.items[4].text == "1.5e3");
  CHECK(value.find("b")->text == "x\n\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(parse("9223372036854775807").integer == INT64_MAX);
  CHECK(parse("9223372036854775808").kind == Json::Kind::Number);
}

TEST(json_refuses_what_it_should) {
  for (const char* bad :
       {"", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "-", "1.", "1e", "+1", "nul",
        "NaN", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\x01\"", "\"\xff\"",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "1 2", "{\"a\":1,\"a\":2}"})
    CHECK_FAILS((parse(bad), 0), "its JSON is damaged");
  CHECK_FAILS((parse(std::string(1000, '[')), 0), "nested too deeply");
}

TEST(json_survives_damage) {
  const std::string good = R"({"a": [1, -2.5, true, null], "b": "x\n\u00e9", "c": {"d": []}})";
  sample::Chance chance;
  for (int round = 0; round < 50'000; ++round) {
    std::string bad = good.substr(0, chance.below(good.size() + 1));
    for (uint64_t i = chance.below(3); i && !bad.empty(); --i)
      bad[chance.below(bad.size())] = char(chance.below(256));
    const Block block(bad);
    try {
      Json::parse("test", block.data.get(), block.size);
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::Damaged);
    }
  }
}

TEST(features_of_this_processor) {
  CHECK(!has_cpu_feature("warp_drive") && !has_cpu_feature(""));
#if defined(__x86_64__)
  CHECK(std::string(architecture()) == "x86_64");
  CHECK(has_cpu_feature("avx2") == bool(__builtin_cpu_supports("avx2")));
  CHECK(has_cpu_feature("avx512f") == bool(__builtin_cpu_supports("avx512f")));
  CHECK(has_cpu_feature("popcnt") == bool(__builtin_cpu_supports("popcnt")));
#else
  CHECK(has_cpu_feature("asimd"));
#endif
}

TEST(an_artifact_runs) {
  const Block block(assemble(adding()));
  const Artifact artifact(block.bytes(), true);
  CHECK(artifact.inputs()[0].sizes[0] == "n" && artifact.outputs()[0].dims[0] == -1);
  float x[] = {10, 20, 30}, place[3];
  int64_t n = 3;
  const ProgramInput input{reinterpret_cast<char*>(x), nullptr, DType::Float32, 1, &n};
  ProgramOutput output;
  char* places[] = {reinterpret_cast<char*>(place)};
  const PlanRef plan = artifact.plan(&input);
  artifact.run(*plan.plan, &input, &output);
  artifact.run_to_host(*plan.plan, &input, &output, places);
  CHECK(place[0] == 11 && place[1] == 22 && place[2] == 33 && !output.buffer);
  n = 2;
  CHECK_FAILS((artifact.plan(&input), 0), "adding: got the sizes n = 2; 3 or more");
}

TEST(damaged_artifacts_are_refused) {
  const std::string good = assemble(adding());
  CHECK(loads(good));
  CHECK(!loads(assemble(adding(), 2)));
  for (size_t cut = 0; cut < good.size(); ++cut) CHECK(!loads(good.substr(0, cut)));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = char(bad[i] ^ 1 << i % 8);
    CHECK(!loads(bad));
  }
}

TEST(damage_with_right_checksums_is_survived) {
  sample::Chance chance;
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Sections sections = adding();
    std::string& bad = sections[chance.below(4)].second;
    for (uint64_t i = chance.below(3) + 1; i; --i)
      bad[chance.below(bad.size())] = char("\0\1\x7f\x80\xff\x10\"{"[chance.below(8)]);
    if (chance.below(8) == 0) bad.resize(chance.below(bad.size()));
    refused += !loads(assemble(sections), chance.below(2) == 0);
  }
  CHECK(refused > 5'000);
}

TEST(the_c_api_owns_what_it_gives) {
  const Block block(assemble(adding()));
  tilewright_model* model = nullptr;
  CHECK(tilewright_load_memory(block.data.get(), block.size, nullptr, &model) == TILEWRIGHT_OK);
  float x[] = {1, 2, 3};
  const tilewright_tensor input{x, sizeof x, TILEWRIGHT_FLOAT32, 1, {3}, nullptr};
  tilewright_tensor output{};
  CHECK(tilewright_run(model, 1, &input, 1, &output) == TILEWRIGHT_OK);
  CHECK(tilewright_run(model, 1, &input, 1, &output) == TILEWRIGHT_OK);
  tilewright_free(model);  // outputs outlive the model
  CHECK(static_cast<float*>(output.data)[2] == 6 && output.bytes == 12);
  tilewright_release(&output);
  CHECK(!output.data);
}
