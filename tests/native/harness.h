// The smallest test harness that will do: TEST(name) { CHECK(...); CHECK_FAILS(..., "text"); }
#pragma once

#include <cstdio>
#include <cstring>
#include <vector>

#include "error.h"

namespace harness {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Register {
  Register(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

inline int checks = 0, failures = 0;

inline void check(bool holds, const char* text, const char* file, int line) {
  ++checks;
  if (holds) return;
  ++failures;
  std::printf("%s:%d: failed: %s\n", file, line, text);
}

}  // namespace harness

#define TEST(name)                                              \
  static void test_##name();                                    \
  static const harness::Register register_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition) harness::check((condition), #condition, __FILE__, __LINE__)

// The expression throws tilewright::Error with `part` in its message.
#define CHECK_FAILS(expression, part)                                                   \
  do {                                                                                  \
    bool thrown = false;                                                                \
    try {                                                                               \
      (void)(expression);                                                               \
    } catch (const tilewright::Error& error) {                                          \
      thrown = std::strstr(error.what(), part) != nullptr;                              \
      if (!thrown) std::printf("got: %s\n", error.what());                              \
    }                                                                                   \
    harness::check(thrown, #expression " fails with " part, __FILE__, __LINE__);        \
  } while (false)
