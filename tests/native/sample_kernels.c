// Kernels for the tests of the loader, compiled to a relocatable object.
#include <math.h>
#include <stdint.h>
#include <string.h>

static const float table[] = {1, 2, 4, 8};
int counter = 41;
static float (*const functions[2])(float) = {sinf, expf};
static float plus_quarter(float x) { return x + 0.25f; }
static float (*volatile indirect)(float) = plus_quarter;

void add(const float* x, const float* y, float* z, int64_t begin, int64_t end, int64_t n) {
  (void)n;
  for (int64_t i = begin; i < end; ++i) z[i] = x[i] + y[i];
}

void everything(const float* x, const float* y, float* z, int64_t begin, int64_t end, int64_t n) {
  float row[8];
  memset(row, 0, sizeof row);
  memcpy(row, y, sizeof(float) * (n < 8 ? n : 8));
  for (int64_t i = begin; i < end; ++i)
    z[i] = indirect(functions[i & 1](x[i]) * table[i & 3]) + tanhf(row[i & 7]) + counter;
}
