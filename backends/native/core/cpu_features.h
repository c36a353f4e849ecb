// What this processor can do, by the names of /proc/cpuinfo.
#pragma once

#include <string>

namespace tilewright {

// "x86_64" or "aarch64": the processors that this library was built for.
const char* architecture();

// Whether the processor and the system support a feature; false for names that are not known.
bool has_cpu_feature(const std::string& name);

}  // namespace tilewright
