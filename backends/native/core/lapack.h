// LAPACK by pointers that somebody hands over: SciPy's in Python, any LAPACK in C. Matrices are
// int32-sized and column-major there; what we hand over row by row is the transpose.
#pragma once

#include <atomic>
#include <complex>
#include <cstdint>
#include <string>

#include "buffer.h"
#include "error.h"
#include "pool.h"
#include "routines.h"

namespace tilewright {

enum class Lapack : int { Potrf, Gesv, Getrf, Getri, Gelqf, Orglq, Syevd, Gesdd, Geev };
constexpr int kLapackCount = 9;

// The four kinds of number of LAPACK, by the letters before its names. Symmetric and orthogonal
// become Hermitian and unitary for complex numbers: "dsyevd", "zheevd".
enum class Precision : int { Single, Double, ComplexSingle, ComplexDouble };
constexpr int kPrecisions = 4;

template <class T>
constexpr bool kIsComplex = false;
template <class T>
constexpr bool kIsComplex<std::complex<T>> = true;

template <class T>
constexpr Precision kPrecision = kIsComplex<T> ? (sizeof(T) == 16 ? Precision::ComplexDouble
                                                                  : Precision::ComplexSingle)
                                 : sizeof(T) == 8 ? Precision::Double
                                                  : Precision::Single;

// float for float and complex<float>.
template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<std::complex<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;

// Names the function of a precision: "spotrf", "zpotrf". Error(Value) for a name we never call.
void set_lapack(const std::string& name, void* function);
std::vector<std::string> lapack_names();

// Error(Value) that names the routine and the function if nobody has handed it over.
void* require_lapack(const char* routine, Lapack function, Precision precision);

// Calls a function whose arguments are all pointers, as in Fortran.
template <class T, class... Arguments>
void call_lapack(const char* routine, Lapack function, Arguments*... arguments) {
  void* found = require_lapack(routine, function, kPrecision<T>);
  reinterpret_cast<void (*)(Arguments*...)>(found)(arguments...);
}

// A size as LAPACK takes it; Error(Shape) beyond 32 bits.
int lapack_size(const char* routine, int64_t size);

// By the dtype of a routine's sizes: a float or complex type, else Error(Value).
Precision precision_of(const Routine& self, const RoutinePlan& plan);
int number_size(const Routine& self, const RoutinePlan& plan);

// Calls body with a number of the routine's type.
template <class Body>
void with_number(const Routine& self, const RoutinePlan& plan, Body body) {
  switch (precision_of(self, plan)) {
    case Precision::Single: return body(float());
    case Precision::Double: return body(double());
    case Precision::ComplexSingle: return body(std::complex<float>());
    case Precision::ComplexDouble: return body(std::complex<double>());
  }
}

template <class T>
void copy_transposed(const T* from, int64_t rows, int64_t columns, T* to) {
  constexpr int64_t kTile = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < columns; c0 += kTile)
      for (int64_t r = r0; r < rows && r < r0 + kTile; ++r)
        for (int64_t c = c0; c < columns && c < c0 + kTile; ++c)
          to[c * rows + r] = from[r * columns + c];
}

// Runs body(matrix, workspace) -> info over a batch, each with `bytes` of memory of its own;
// Error(LinAlg) with `problem` for the first matrix whose info is not zero. Small matrices are
// shared out to the pool's threads, large ones are left to LAPACK's own.
template <class Body>
void each_matrix(const char* routine, const char* problem, int64_t batch, int64_t n, int64_t bytes,
                 Body body) {
  const int threads = n <= 100 && batch > 1 ? num_threads() : 1;
  const int64_t one = round_up(bytes, kAlignment);
  const BufferRef memory(allocate(one * threads));
  std::atomic<int64_t> failed{batch};
  auto range = [&](int thread, int64_t begin, int64_t end) {
    for (int64_t matrix = begin; matrix < end; ++matrix) {
      if (!body(matrix, memory->data + one * thread)) continue;
      int64_t first = failed.load();
      while (matrix < first && !failed.compare_exchange_weak(first, matrix)) {
      }
    }
  };
  if (threads > 1)
    parallel(batch, 1 + 4096 / (n * n + 1), threads, range);
  else
    range(0, 0, batch);
  if (failed.load() == batch) return;
  if (batch == 1) fail(ErrorKind::LinAlg, "%s: %s", routine, problem);
  fail(ErrorKind::LinAlg, "%s: %s (matrix %lld of %lld)", routine, problem,
       static_cast<long long>(failed.load()), static_cast<long long>(batch));
}

}  // namespace tilewright
