// The command line of tilewright-run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace runner {

// --input name=path; the name is empty where it is left out.
struct NamedFile {
  std::string name, path;
};

struct Options {
  std::string model;
  std::vector<NamedFile> inputs, outputs;
  std::string device;
  int32_t threads = 0;  // 0: the default
  int64_t repeat = 0;   // 0: run once and print no times
  bool describe = false, manifest = false, help = false, version = false, trust = false;
};

// Throws Failure(kWrongUsage).
Options parse_options(int count, char** words);

extern const char* const kHelp;

}  // namespace runner
