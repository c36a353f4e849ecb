// Arrays as text, for effects.
//
// A template is text in which {N} and {N:SPEC} stand for value N, and {{ and }} for braces. SPEC is
// Python's for numbers, without fill and alignment: [sign][0][width][.precision][d e f g x]; it is
// applied to each element.
#pragma once

#include <string>

#include "effect.h"

namespace tilewright {

// Throws Error(Value) if the template is not of this form or names a value that is not there.
std::string filled(const std::string& text, const EffectArray* values, int n_values);

// Element `index` as Python writes such a number.
std::string element_text(const EffectArray& array, int64_t index);

// The position of an element along each axis: "[1, 2]".
std::string place_text(const EffectArray& array, int64_t index);

}  // namespace tilewright
