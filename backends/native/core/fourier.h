// Fourier transforms by loops over lines that somebody hands over: those of NumPy's pocketfft in
// Python, any with the same signature in C.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewright {

// NumPy's form of a loop. args: input, factor, output; dims: lines, elements of an input line, of
// an output line; steps in bytes: from line to line of input, factor and output, from element to
// element of input and output. Transforms every line and multiplies by the factor.
using FourierLoop = void (*)(char** args, const intptr_t* dims, const intptr_t* steps,
                             void* context);

// Names: fft, ifft, rfft_n_even, rfft_n_odd, irfft, then _float32 or _float64. Error(Value) for
// another name, or without a function.
void set_fourier(const std::string& name, FourierLoop loop, void* context);
std::vector<std::string> fourier_names();

}  // namespace tilewright
