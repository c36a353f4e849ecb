// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tilewright {

using Digest = std::array<uint8_t, 32>;

// Uses the processor's own instructions where it has them.
Digest sha256(const void* data, size_t bytes);

// The same without them.
Digest sha256_portable(const void* data, size_t bytes);

std::string hex(const Digest& digest);

}  // namespace tilewright
