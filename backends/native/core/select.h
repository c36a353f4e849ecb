// Elements chosen by a mask: how many there are, and their copies.
#pragma once

#include <cstdint>
#include <vector>

namespace tilewright {

// How many of a mask's n elements are true before each part of it (of a size known to
// `select_rows`), and last, how many there are.
std::vector<int64_t> selected_before(const uint8_t* mask, int64_t n);

// Copies the first `wanted` rows at which the mask is true, of so many bytes each. `starts` is what
// `selected_before` gave for the mask.
void select_rows(const uint8_t* mask, const std::vector<int64_t>& starts, int64_t wanted,
                 const void* source, void* target, int64_t bytes);

}  // namespace tilewright
