#include "sha256.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace tilewright {
namespace {

constexpr size_t kBlock = 64;

alignas(16) constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<uint32_t, 8>;
using Blocks = void (*)(State& state, const uint8_t* data, size_t count);

uint32_t rotate(uint32_t x, int by) { return x >> by | x << (32 - by); }

void expand(const uint8_t* data, uint32_t* words) {
  for (int i = 0; i < 16; ++i) {
    uint32_t word;
    std::memcpy(&word, data + 4 * i, 4);
    words[i] = __builtin_bswap32(word);
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t a = words[i - 15], b = words[i - 2];
    words[i] = words[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + words[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
}

void portable_blocks(State& state, const uint8_t* data, size_t count) {
  for (; count; --count, data += kBlock) {
    uint32_t words[64];
    expand(data, words);
    auto [a, b, c, d, e, f, g, h] = state;
    for (int i = 0; i < 64; ++i) {
      const uint32_t choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
      const uint32_t one =
          h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + kRounds[i] + words[i];
      const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
      h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    const State change = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[size_t(i)] += change[size_t(i)];
  }
}

#if defined(__x86_64__)
// Intel's SHA extensions: the state travels as (A B E F) and (C D G H), four rounds a step.
__attribute__((target("sha,sse4.1"))) void native_blocks(State& state, const uint8_t* data,
                                                         size_t count) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i* const place = reinterpret_cast<__m128i*>(state.data());
  const __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(place), 0xb1);
  const __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(place + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
  for (; count; --count, data += kBlock) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
    for (int i = 0; i < 4; ++i)
      words[i] = _mm_shuffle_epi8(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(data) + i), order);
    for (int step = 0; step < 16; ++step) {
      __m128i& now = words[step & 3];
      if (step >= 4) {
        const __m128i& last = words[(step + 3) & 3];
        const __m128i middle = _mm_alignr_epi8(last, words[(step + 2) & 3], 4);
        now = _mm_sha256msg1_epu32(now, words[(step + 1) & 3]);
        now = _mm_sha256msg2_epu32(_mm_add_epi32(now, middle), last);
      }
      const __m128i round = _mm_add_epi32(
          now, _mm_load_si128(reinterpret_cast<const __m128i*>(kRounds) + step));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, round);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(round, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before), cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(place, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(place + 1, _mm_alignr_epi8(dchg, feba, 8));
}

bool has_sha_instructions() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

Blocks best_blocks() { return has_sha_instructions() ? native_blocks : portable_blocks; }
#else
Blocks best_blocks() { return portable_blocks; }
#endif

Digest digest_by(Blocks blocks, const void* data, size_t bytes) {
  State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const uint8_t* start = static_cast<const uint8_t*>(data);
  const size_t whole = bytes / kBlock, rest = bytes % kBlock;
  if (whole) blocks(state, start, whole);
  uint8_t tail[2 * kBlock] = {};
  if (rest) std::memcpy(tail, start + whole * kBlock, rest);
  tail[rest] = 0x80;
  const size_t n_tail = rest + 9 > kBlock ? 2 : 1;
  const uint64_t length = __builtin_bswap64(uint64_t(bytes) * 8);
  std::memcpy(tail + n_tail * kBlock - 8, &length, 8);
  blocks(state, tail, n_tail);
  Digest result;
  for (size_t i = 0; i < 8; ++i) {
    const uint32_t word = __builtin_bswap32(state[i]);
    std::memcpy(result.data() + 4 * i, &word, 4);
  }
  return result;
}

}  // namespace

Digest sha256(const void* data, size_t bytes) {
  static const Blocks blocks = best_blocks();
  return digest_by(blocks, data, bytes);
}

Digest sha256_portable(const void* data, size_t bytes) {
  return digest_by(portable_blocks, data, bytes);
}

std::string hex(const Digest& digest) {
  std::string text;
  for (const uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace tilewright
