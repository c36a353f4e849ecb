// Runs every test, or those whose names contain the first argument.
#include "harness.h"

int main(int count, char** arguments) {
  for (const harness::Test& test : harness::tests()) {
    if (count > 1 && !std::strstr(test.name, arguments[1])) continue;
    const int before = harness::failures;
    try {
      test.run();
    } catch (const std::exception& error) {
      ++harness::failures;
      std::printf("%s threw: %s\n", test.name, error.what());
    }
    std::printf("%-40s %s\n", test.name, harness::failures == before ? "ok" : "FAILED");
  }
  std::printf("%d checks, %d failures\n", harness::checks, harness::failures);
  return harness::failures != 0;
}
