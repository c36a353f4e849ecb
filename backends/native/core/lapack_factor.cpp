// Routines by factorisation: Cholesky, LU and QR. Every matrix is row-major, real or complex.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lapack.h"

namespace tilewright {
namespace {

// Sizes: dtype, batch, n, and for `solve` the number of right-hand sides.
struct Square {
  Square(const Routine& self, const RoutinePlan& plan)
      : size(number_size(self, plan)), batch(plan.sizes[1]), n(plan.sizes[2]),
        order(lapack_size(self.name, n)) {}
  int size;
  int64_t batch, n;
  int order;  // n, as LAPACK takes it
};

void set_cost(RoutinePlan& plan, int64_t batch, int64_t n) {
  const double cost = double(batch) * (double(n) * double(n) * double(n) * 150 + 1e6);
  plan.cost = cost < 1e18 ? int64_t(cost) : int64_t(1e18);
}

void plan_same(const Routine& self, RoutinePlan& plan) {
  const Square s(self, plan);
  plan.bytes[0] = plan.bytes[1] = routine_bytes(self, s.size, {s.batch, s.n, s.n});
  set_cost(plan, s.batch, s.n);
}

// The lower triangle of A in, L out.
template <class T>
void cholesky(const Routine& self, const Square& s, const T* input, T* output) {
  const int64_t area = s.n * s.n;
  each_matrix(self.name, "the matrix is not positive definite", s.batch, s.n, 0,
              [&](int64_t matrix, char*) {
    T* to = output + matrix * area;
    std::copy(input + matrix * area, input + (matrix + 1) * area, to);
    int n = s.order, info = 0;
    char triangle = 'U';  // of the transpose
    call_lapack<T>(self.name, Lapack::Potrf, &triangle, &n, to, &n, &info);
    for (int64_t row = 0; row < s.n; ++row)
      std::fill(to + row * s.n + row + 1, to + (row + 1) * s.n, T(0));
    return info;
  });
}

void run_cholesky(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const Square s(self, plan);
  if (!s.n || !s.batch) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    require_lapack(self.name, Lapack::Potrf, kPrecision<T>);
    cholesky(self, s, static_cast<const T*>(buffers[0]), static_cast<T*>(buffers[1]));
  });
}

template <class T>
void inverse(const Routine& self, const Square& s, const T* input, T* output) {
  const int64_t area = s.n * s.n;
  const int64_t pivots = round_up(s.n * 4, 8), work = s.n * 64;
  each_matrix(self.name, "Singular matrix", s.batch, s.n, pivots + work * int64_t(sizeof(T)),
              [&](int64_t matrix, char* memory) {
    T* to = output + matrix * area;
    std::copy(input + matrix * area, input + (matrix + 1) * area, to);
    int n = s.order, info = 0;
    int* pivot = reinterpret_cast<int*>(memory);
    T* space = reinterpret_cast<T*>(memory + pivots);
    int room = int(std::min<int64_t>(work, INT32_MAX));
    call_lapack<T>(self.name, Lapack::Getrf, &n, &n, to, &n, pivot, &info);
    if (!info) call_lapack<T>(self.name, Lapack::Getri, &n, to, &n, pivot, space, &room, &info);
    return info;
  });
}

void run_inverse(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const Square s(self, plan);
  if (!s.n || !s.batch) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    require_lapack(self.name, Lapack::Getrf, kPrecision<T>);
    require_lapack(self.name, Lapack::Getri, kPrecision<T>);
    inverse(self, s, static_cast<const T*>(buffers[0]), static_cast<T*>(buffers[1]));
  });
}

void plan_solve(const Routine& self, RoutinePlan& plan) {
  const Square s(self, plan);
  lapack_size(self.name, plan.sizes[3]);
  plan.bytes[0] = routine_bytes(self, s.size, {s.batch, s.n, s.n});
  plan.bytes[1] = plan.bytes[2] = routine_bytes(self, s.size, {s.batch, s.n, plan.sizes[3]});
  set_cost(plan, s.batch, s.n);
}

template <class T>
void solve(const Routine& self, const Square& s, int columns, const T* a, const T* b, T* x) {
  const int64_t area = s.n * s.n, side = s.n * columns, pivots = round_up(s.n * 4, 8);
  each_matrix(self.name, "Singular matrix", s.batch, s.n,
              pivots + (area + side) * int64_t(sizeof(T)), [&](int64_t matrix, char* memory) {
    int n = s.order, k = columns, info = 0;
    int* pivot = reinterpret_cast<int*>(memory);
    T* factor = reinterpret_cast<T*>(memory + pivots);
    T* sides = factor + area;
    copy_transposed(a + matrix * area, s.n, s.n, factor);
    copy_transposed(b + matrix * side, s.n, int64_t(columns), sides);
    call_lapack<T>(self.name, Lapack::Gesv, &n, &k, factor, &n, pivot, sides, &n, &info);
    copy_transposed(sides, int64_t(columns), s.n, x + matrix * side);
    return info;
  });
}

void run_solve(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const Square s(self, plan);
  const int columns = int(plan.sizes[3]);
  if (!s.n || !s.batch || !columns) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    require_lapack(self.name, Lapack::Gesv, kPrecision<T>);
    solve(self, s, columns, static_cast<const T*>(buffers[0]), static_cast<const T*>(buffers[1]),
          static_cast<T*>(buffers[2]));
  });
}

// The determinant, or its sign and the logarithm of its magnitude.
void plan_det(const Routine& self, RoutinePlan& plan) {
  const Square s(self, plan);
  plan.bytes[0] = routine_bytes(self, s.size, {s.batch, s.n, s.n});
  plan.bytes[1] = routine_bytes(self, s.size, {s.batch});
  set_cost(plan, s.batch, s.n);
}

void plan_slogdet(const Routine& self, RoutinePlan& plan) {
  plan_det(self, plan);
  plan.bytes[1] *= 2;
}

// LU of each matrix; finish(matrix, diagonal's step, factors, sign of the permutation).
template <class T, class Finish>
void each_lu(const Routine& self, const Square& s, const T* input, Finish finish) {
  const int64_t area = s.n * s.n, pivots = round_up(s.n * 4, 8);
  each_matrix(self.name, "", s.batch, s.n, pivots + area * int64_t(sizeof(T)),
              [&](int64_t matrix, char* memory) {
    int n = s.order, info = 0;
    int* pivot = reinterpret_cast<int*>(memory);
    T* factor = reinterpret_cast<T*>(memory + pivots);
    std::copy(input + matrix * area, input + (matrix + 1) * area, factor);
    if (n) call_lapack<T>(self.name, Lapack::Getrf, &n, &n, factor, &n, pivot, &info);
    bool is_odd = false;
    for (int i = 0; i < n; ++i) is_odd ^= pivot[i] != i + 1;
    finish(matrix, factor, T(is_odd ? -1 : 1));
    return 0;  // a zero on the diagonal says that the determinant is zero, which is a result
  });
}

template <class T>
void determinants(const Routine& self, const Square& s, const T* input, T* output) {
  each_lu<T>(self, s, input, [&](int64_t matrix, const T* factor, T sign) {
    T product = sign;
    for (int64_t i = 0; i < s.n; ++i) product *= factor[i * (s.n + 1)];
    output[matrix] = product;
  });
}

template <class T>
void log_determinants(const Routine& self, const Square& s, const T* input, T* output) {
  each_lu<T>(self, s, input, [&](int64_t matrix, const T* factor, T sign) {
    Real<T> sum = 0;
    for (int64_t i = 0; i < s.n; ++i) {
      const T value = factor[i * (s.n + 1)];
      const Real<T> size = std::abs(value);
      sign = size == 0 ? T(0) : sign * (value / size);
      sum += std::log(size);
    }
    output[2 * matrix] = std::isnan(sum) ? T(sum) : sign;
    output[2 * matrix + 1] =
        sign == T(0) ? T(-std::numeric_limits<Real<T>>::infinity()) : T(sum);
  });
}

void run_det(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const Square s(self, plan);
  const bool is_log = plan.bytes[1] > s.batch * s.size;
  if (!s.batch) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    require_lapack(self.name, Lapack::Getrf, kPrecision<T>);
    const T* input = static_cast<const T*>(buffers[0]);
    T* output = static_cast<T*>(buffers[1]);
    if (is_log)
      log_determinants(self, s, input, output);
    else
      determinants(self, s, input, output);
  });
}

// Sizes: dtype, batch, m, n, columns of Q (min(m, n), or m). Out: Q, then R, of each matrix.
void plan_qr(const Routine& self, RoutinePlan& plan) {
  const int size = number_size(self, plan);
  const int64_t m = plan.sizes[2], n = plan.sizes[3], k = plan.sizes[4];
  if (k != std::min(m, n) && k != m)
    fail(ErrorKind::Value, "%s: got %lld columns of Q for %lld x %lld", self.name,
         static_cast<long long>(k), static_cast<long long>(m), static_cast<long long>(n));
  lapack_size(self.name, std::max(m, n));
  plan.bytes[0] = routine_bytes(self, size, {plan.sizes[1], m, n});
  routine_bytes(self, size, {plan.sizes[1], k, m});
  routine_bytes(self, size, {plan.sizes[1], k, n});
  plan.bytes[1] = routine_bytes(self, size, {plan.sizes[1], k * (m + n)});
  set_cost(plan, plan.sizes[1], std::max(m, n));
}

// A's memory is that of its transpose in columns: A^T = L Q^T with L = R^T.
template <class T>
void qr_matrix(const char* name, const RoutinePlan& plan, const T* from, T* to, char* memory) {
  int m = int(plan.sizes[2]), n = int(plan.sizes[3]), k = int(plan.sizes[4]), info = 0;
  int least = std::min(m, n);
  int room = int(std::min<int64_t>(int64_t{64} * std::max(m, n), INT32_MAX));
  T* factor = reinterpret_cast<T*>(memory);  // m rows of length n
  T* scales = factor + int64_t(m) * n;
  T* work = scales + least;
  std::copy(from, from + int64_t(m) * n, factor);
  if (least) call_lapack<T>(name, Lapack::Gelqf, &n, &m, factor, &n, scales, work, &room, &info);
  T *q = to, *r = to + int64_t(k) * m;
  for (int64_t row = 0; row < k; ++row)
    for (int64_t column = 0; column < n; ++column) {
      const bool above = row <= column && row < m;
      r[row * n + column] = above ? factor[row * n + column] : T(0);
    }
  // The reflectors' vectors lie in rows of the transpose; orglq wants k rows of length m.
  for (int64_t column = 0; column < m; ++column)
    for (int64_t row = 0; row < k; ++row)
      q[column * k + row] = row < least ? factor[column * n + row] : T(0);
  if (m) call_lapack<T>(name, Lapack::Orglq, &k, &m, &least, q, &k, scales, work, &room, &info);
}

void run_qr(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t batch = plan.sizes[1], m = plan.sizes[2], n = plan.sizes[3], k = plan.sizes[4];
  if (!batch || !k) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    require_lapack(self.name, Lapack::Gelqf, kPrecision<T>);
    require_lapack(self.name, Lapack::Orglq, kPrecision<T>);
    const T* input = static_cast<const T*>(buffers[0]);
    T* output = static_cast<T*>(buffers[1]);
    const int64_t elements = m * n + std::min(m, n) + 64 * std::max(m, n);
    each_matrix(self.name, "", batch, std::max(m, n), elements * int64_t(sizeof(T)),
                [&](int64_t matrix, char* memory) {
      qr_matrix(self.name, plan, input + matrix * m * n, output + matrix * k * (m + n), memory);
      return 0;
    });
  });
}

constexpr Routine kRoutines[] = {
    {"cholesky", 2, 3, plan_same, run_cholesky}, {"inv", 2, 3, plan_same, run_inverse},
    {"solve", 3, 4, plan_solve, run_solve},      {"det", 2, 3, plan_det, run_det},
    {"slogdet", 2, 3, plan_slogdet, run_det},    {"qr", 2, 5, plan_qr, run_qr},
};

}  // namespace

RoutineTable factor_routines() { return {kRoutines, 6}; }

}  // namespace tilewright
