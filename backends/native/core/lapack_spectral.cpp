// Routines of eigenvalues and singular values. Every matrix is row-major; the parts of a result
// lie one after the other, for each matrix of the batch, all as numbers of the matrix's type: of
// complex matrices, real values are complex numbers too.
#include <algorithm>

#include "lapack.h"

namespace tilewright {
namespace {

void set_cost(RoutinePlan& plan, int64_t batch, int64_t n) {
  const double cost = double(batch) * (double(n) * double(n) * double(n) * 1000 + 2e6);
  plan.cost = cost < 1e18 ? int64_t(cost) : int64_t(1e18);
}

// How much a function wants to work in, as it says itself when asked with a room of -1.
template <class T>
int wanted(T answer) {
  const double size = double(std::real(answer)) * 1.01 + 1;
  return std::max(1, int(std::min<double>(size, double(INT32_MAX))));
}

// Real numbers that LAPACK has written in front of where they are to lie as numbers of T.
template <class T>
void widen(T* numbers, int64_t count) {
  if constexpr (kIsComplex<T>) {
    const Real<T>* reals = reinterpret_cast<const Real<T>*>(numbers);
    for (int64_t i = count - 1; i >= 0; --i) {
      const Real<T> value = reals[i];
      numbers[i] = T(value);
    }
  }
}

// ------------------------------------------------------------------ symmetric

// Sizes: dtype, batch, n, whether vectors are wanted. The lower triangle is read.
// Out: n eigenvalues in ascending order, then the matrix whose columns are the vectors.
void plan_eigh(const Routine& self, RoutinePlan& plan) {
  const int size = number_size(self, plan);
  const int64_t batch = plan.sizes[1], n = plan.sizes[2];
  lapack_size(self.name, n);
  plan.bytes[0] = routine_bytes(self, size, {batch, n, n});
  plan.bytes[1] = routine_bytes(self, size, {batch, n, plan.sizes[3] ? n + 1 : 1});
  set_cost(plan, batch, n);
}

template <class T>
struct SymmetricWork {
  SymmetricWork(const char* name, int n, bool vectors) : job(vectors ? 'V' : 'N'), n(n) {
    int whole = -1, integer = 0, info = 0;
    T none = 0, answer = 0;
    Real<T> value = 0, real_answer = 0;
    if constexpr (kIsComplex<T>)
      call_lapack<T>(name, Lapack::Syevd, &job, &triangle, &this->n, &none, &this->n, &value,
                     &answer, &whole, &real_answer, &whole, &integer, &whole, &info);
    else
      call_lapack<T>(name, Lapack::Syevd, &job, &triangle, &this->n, &none, &this->n, &value,
                     &answer, &whole, &integer, &whole, &info);
    room = wanted(answer), reals = wanted(real_answer), integers = std::max(1, integer);
  }
  int64_t bytes() const {
    return (int64_t(room) + int64_t(n) * n) * int64_t(sizeof(T)) +
           int64_t(reals) * int64_t(sizeof(Real<T>)) + int64_t{4} * integers;
  }
  char job, triangle = 'L';
  int n, room, reals, integers;
};

template <class T>
int eigh_matrix(const char* name, SymmetricWork<T> w, const T* from, T* to, char* memory) {
  const int64_t n = w.n;
  T* matrix = reinterpret_cast<T*>(memory);
  T* work = matrix + n * n;
  Real<T>* reals = reinterpret_cast<Real<T>*>(work + w.room);
  int* integers = reinterpret_cast<int*>(reals + w.reals);
  Real<T>* values = reinterpret_cast<Real<T>*>(to);
  int info = 0;
  copy_transposed(from, n, n, matrix);
  if constexpr (kIsComplex<T>)
    call_lapack<T>(name, Lapack::Syevd, &w.job, &w.triangle, &w.n, matrix, &w.n, values, work,
                   &w.room, reals, &w.reals, integers, &w.integers, &info);
  else
    call_lapack<T>(name, Lapack::Syevd, &w.job, &w.triangle, &w.n, matrix, &w.n, values, work,
                   &w.room, integers, &w.integers, &info);
  widen(to, n);
  if (w.job == 'V') copy_transposed(matrix, n, n, to + n);
  return info;
}

void run_eigh(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t batch = plan.sizes[1], n = plan.sizes[2];
  const int64_t rows = plan.sizes[3] ? n + 1 : 1;
  if (!batch || !n) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    const SymmetricWork<T> w(self.name, int(n), plan.sizes[3]);
    const T* input = static_cast<const T*>(buffers[0]);
    T* output = static_cast<T*>(buffers[1]);
    each_matrix(self.name, "Eigenvalues did not converge", batch, n, w.bytes(),
                [&](int64_t matrix, char* memory) {
      return eigh_matrix(self.name, w, input + matrix * n * n, output + matrix * n * rows, memory);
    });
  });
}

// ------------------------------------------------------------------ singular values

// Sizes: dtype, batch, m, n, what is wanted: 0 the values, 1 vectors too, 2 all vectors.
// Out: k = min(m, n) values in descending order, then U, then V^T.
struct SingularShape {
  explicit SingularShape(const RoutinePlan& plan)
      : m(plan.sizes[2]), n(plan.sizes[3]), k(std::min(m, n)), mode(plan.sizes[4]),
        left(mode == 2 ? m : k), right(mode == 2 ? n : k) {}
  int64_t elements() const { return k + (mode ? m * left + right * n : 0); }
  int64_t m, n, k, mode, left, right;
};

void plan_svd(const Routine& self, RoutinePlan& plan) {
  const int size = number_size(self, plan);
  const int64_t batch = plan.sizes[1], longest = std::max(plan.sizes[2], plan.sizes[3]);
  if (plan.sizes[4] < 0 || plan.sizes[4] > 2)
    fail(ErrorKind::Value, "%s: got mode %lld; it must be 0 to 2", self.name,
         static_cast<long long>(plan.sizes[4]));
  lapack_size(self.name, longest);
  plan.bytes[0] = routine_bytes(self, size, {batch, plan.sizes[2], plan.sizes[3]});
  if (plan.sizes[4]) routine_bytes(self, size, {batch, 3, longest, longest});
  plan.bytes[1] = routine_bytes(self, size, {batch, SingularShape(plan).elements()});
  set_cost(plan, batch, longest);
}

template <class T>
struct SingularWork;

template <class T>
void call_gesdd(const char* name, SingularWork<T>& w, T* matrix, Real<T>* values, T* u, T* vt,
                T* work, int* room, Real<T>* reals, int* integers, int* info) {
  if constexpr (kIsComplex<T>)
    call_lapack<T>(name, Lapack::Gesdd, &w.job, &w.rows, &w.columns, matrix, &w.rows, values, u,
                   &w.rows, vt, &w.right, work, room, reals, integers, info);
  else
    call_lapack<T>(name, Lapack::Gesdd, &w.job, &w.rows, &w.columns, matrix, &w.rows, values, u,
                   &w.rows, vt, &w.right, work, room, integers, info);
}

// By columns all the way, as NumPy does it, so that the signs of vectors are NumPy's.
template <class T>
struct SingularWork {
  SingularWork(const char* name, const SingularShape& s)
      : job(s.mode == 0 ? 'N' : s.mode == 1 ? 'S' : 'A'), rows(int(s.m)), columns(int(s.n)),
        right(int(std::max<int64_t>(s.right, 1))) {
    T none = 0, answer = 0;
    Real<T> value = 0;
    int whole = -1, integer = 0, info = 0;
    call_gesdd(name, *this, &none, &value, &none, &none, &answer, &whole, &value, &integer, &info);
    room = wanted(answer);
    elements = s.m * s.n + s.elements() + room;
    const int64_t least = std::min(s.m, s.n), most = std::max(s.m, s.n);
    // what LAPACK's own description of cgesdd asks for
    if (kIsComplex<T>)
      reals = s.mode ? least * std::max(5 * least + 7, 2 * most + 2 * least + 1) : 7 * least;
  }
  int64_t bytes() const {
    return round_up(elements * int64_t(sizeof(T)), 8) +
           round_up(reals * int64_t(sizeof(Real<T>)), 8) + int64_t{32} * std::min(rows, columns);
  }
  char job;
  int rows, columns, right, room = 0;
  int64_t elements = 0, reals = 0;
};

template <class T>
int svd_matrix(const char* name, SingularWork<T> w, const SingularShape& s, const T* from, T* to,
               char* memory) {
  T* matrix = reinterpret_cast<T*>(memory);
  T* u = matrix + s.m * s.n;
  T* vt = u + (s.mode ? s.m * s.left : 0);
  T* work = vt + (s.mode ? s.right * s.n : 0);
  char* rest = memory + round_up(w.elements * int64_t(sizeof(T)), 8);
  Real<T>* reals = reinterpret_cast<Real<T>*>(rest);
  int* integers = reinterpret_cast<int*>(rest + round_up(w.reals * int64_t(sizeof(Real<T>)), 8));
  int info = 0;
  copy_transposed(from, s.m, s.n, matrix);
  call_gesdd(name, w, matrix, reinterpret_cast<Real<T>*>(to), u, vt, work, &w.room, reals, integers,
             &info);
  widen(to, s.k);
  if (!s.mode) return info;
  copy_transposed(u, s.left, s.m, to + s.k);
  copy_transposed(vt, s.n, s.right, to + s.k + s.m * s.left);
  return info;
}

// Without any value the matrices of vectors are the identity.
template <class T>
void empty_svd(const SingularShape& s, int64_t batch, T* to) {
  for (int64_t matrix = 0; matrix < batch; ++matrix, to += s.elements()) {
    std::fill(to, to + s.elements(), T(0));
    for (int64_t i = 0; s.mode && i < s.left; ++i) to[i * (s.left + 1)] = 1;
    for (int64_t i = 0; s.mode && i < s.right; ++i) to[s.m * s.left + i * (s.n + 1)] = 1;
  }
}

void run_svd(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t batch = plan.sizes[1];
  const SingularShape s(plan);
  if (!batch) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    T* output = static_cast<T*>(buffers[1]);
    if (!s.k) return empty_svd(s, batch, output);
    const SingularWork<T> w(self.name, s);
    const T* input = static_cast<const T*>(buffers[0]);
    each_matrix(self.name, "SVD did not converge", batch, std::max(s.m, s.n), w.bytes(),
                [&](int64_t matrix, char* memory) {
      return svd_matrix(self.name, w, s, input + matrix * s.m * s.n,
                        output + matrix * s.elements(), memory);
    });
  });
}

// ------------------------------------------------------------------ general

// Sizes: dtype, batch, n. Out, for a complex matrix: eigenvalues, then the matrix of right vectors.
// For a real one: real parts, imaginary parts, then the matrix of right vectors as LAPACK's geev
// packs them, a pair of columns for a complex pair.
int64_t values_rows(const Routine& self, const RoutinePlan& plan) {
  return precision_of(self, plan) < Precision::ComplexSingle ? 2 : 1;
}

void plan_eig(const Routine& self, RoutinePlan& plan) {
  const int size = number_size(self, plan);
  const int64_t batch = plan.sizes[1], n = plan.sizes[2];
  lapack_size(self.name, n);
  plan.bytes[0] = routine_bytes(self, size, {batch, n, n});
  plan.bytes[1] = routine_bytes(self, size, {batch, n, n + values_rows(self, plan)});
  set_cost(plan, batch, 2 * n);
}

template <class T>
int call_geev(const char* name, int n, T* matrix, T* values, T* vectors, T* work, int room,
              Real<T>* reals) {
  char none = 'N', right = 'V';
  int one = 1, info = 0;
  T unused = 0;
  if constexpr (kIsComplex<T>)
    call_lapack<T>(name, Lapack::Geev, &none, &right, &n, matrix, &n, values, &unused, &one,
                   vectors, &n, work, &room, reals, &info);
  else
    call_lapack<T>(name, Lapack::Geev, &none, &right, &n, matrix, &n, values, values + n, &unused,
                   &one, vectors, &n, work, &room, &info);
  return info;
}

void run_eig(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t batch = plan.sizes[1], n = plan.sizes[2];
  if (!batch || !n) return;
  with_number(self, plan, [&](auto number) {
    using T = decltype(number);
    const T* input = static_cast<const T*>(buffers[0]);
    T* output = static_cast<T*>(buffers[1]);
    T answer = 0, none[2] = {};
    Real<T> no_reals = 0;
    call_geev<T>(self.name, int(n), none, none, none, &answer, -1, &no_reals);
    const int room = wanted(answer);
    const int64_t rows = values_rows(self, plan), numbers = 2 * n * n + room;
    each_matrix(self.name, "Eigenvalues did not converge", batch, n,
                (numbers + (kIsComplex<T> ? n : 0)) * int64_t(sizeof(T)),
                [&](int64_t matrix, char* memory) {
      T* columns = reinterpret_cast<T*>(memory);
      T* vectors = columns + n * n;
      T* to = output + matrix * n * (n + rows);
      Real<T>* reals = reinterpret_cast<Real<T>*>(columns + numbers);
      copy_transposed(input + matrix * n * n, n, n, columns);
      const int info =
          call_geev(self.name, int(n), columns, to, vectors, vectors + n * n, room, reals);
      copy_transposed(vectors, n, n, to + rows * n);
      return info;
    });
  });
}

constexpr Routine kRoutines[] = {
    {"eigh", 2, 4, plan_eigh, run_eigh},
    {"svd", 2, 5, plan_svd, run_svd},
    {"eig", 2, 3, plan_eig, run_eig},
};

}  // namespace

RoutineTable spectral_routines() { return {kRoutines, 3}; }

}  // namespace tilewright
