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

template <size_t... N>
std::array<Caller, sizeof...(N)> callers(std::index_sequence<N...>) {
  return {caller(std::make_index_sequence<N>())...};
}

}  // namespace detail

// `count` is at most kMaxArguments.
template <size_t Max>
Caller caller_of(int count) {
  static const auto table = detail::callers(std::make_index_sequence<Max + 1>());
  return table[size_t(count)];
}

}  // namespace tilewright
