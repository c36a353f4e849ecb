// Calls a C function with a number of word-sized arguments that is known at run time.
//
// Pointers and int64 travel alike in the C calling conventions of x86-64 and AArch64, so one
// caller for each number of arguments serves every kernel.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace tilewright {

using Caller = void (*)(void* function, const int64_t* arguments);

namespace detail {

template <size_t>
using Word = int64_t;

template <size_t... I>
Caller caller(std::index_sequence<I...>) {
  return [](void* function, const int64_t* arguments) {
    reinterpret_cast<void (*)(Word<I>...)>(function)(arguments[I]...);
    (void)arguments;
  };
}

// Callers of 0, Step, 2 * Step, ... arguments.
template <size_t Step, size_t... N>
std::array<Caller, sizeof...(N)> callers(std::index_sequence<N...>) {
  return {caller(std::make_index_sequence<N * Step>())...};
}

constexpr size_t kFew = 32, kStep = 16;

}  // namespace detail

// How many arguments a call with `count` passes: many are rounded up, as a callee does not see
// those that it does not take. So many places must be there.
constexpr size_t passed(size_t count) {
  return count <= detail::kFew ? count
                               : (count + detail::kStep - 1) / detail::kStep * detail::kStep;
}

// `count` is at most Max, a multiple of 16.
template <size_t Max>
Caller caller_of(int count) {
  using namespace detail;
  static_assert(Max % kStep == 0, "the last step must be whole");
  static const auto few = callers<1>(std::make_index_sequence<kFew + 1>());
  static const auto many = callers<kStep>(std::make_index_sequence<Max / kStep + 1>());
  return size_t(count) <= kFew ? few[size_t(count)] : many[passed(size_t(count)) / kStep];
}

}  // namespace tilewright
