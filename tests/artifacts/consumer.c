/* Runs artifacts through the C API, and everything that may go wrong; C99 and C++17.
 * usage: consumer MODEL.tw ROWS: the model takes float32[batch, 64] and gives float32[batch, 10] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tilewright.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      printf("%d: failed: %s (%s)\n", __LINE__, #condition, tilewright_last_error()); \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

#define CHECK_ERROR(call, status, text) \
  CHECK((call) == (status) && strstr(tilewright_last_error(), text))

static tilewright_model* model;

static tilewright_tensor tensor(float* data, int64_t rows, int64_t columns) {
  tilewright_tensor made;
  memset(&made, 0, sizeof made);
  made.data = data;
  made.bytes = rows * columns * (int64_t)sizeof(float);
  made.dtype = TILEWRIGHT_FLOAT32;
  made.rank = 2;
  made.shape[0] = rows;
  made.shape[1] = columns;
  return made;
}

static float* numbers(int64_t count) {
  float* x = (float*)malloc((size_t)count * sizeof(float) + 1);
  for (int64_t i = 0; i < count; ++i) x[i] = (float)(i % 17) / 16.0f - 0.5f;
  return x;
}

static void describe(void) {
  tilewright_port port;
  CHECK(tilewright_input_count(model) == 1 && tilewright_output_count(model) == 1);
  CHECK(tilewright_input(model, 0, &port) == TILEWRIGHT_OK);
  CHECK(!strcmp(port.name, "x") && port.dtype == TILEWRIGHT_FLOAT32 && port.rank == 2);
  CHECK(port.shape[0] == -1 && port.shape[1] == 64);
  CHECK(!strcmp(port.sizes[0], "batch") && !strcmp(port.sizes[1], "64"));
  CHECK(tilewright_output(model, 0, &port) == TILEWRIGHT_OK && !strcmp(port.name, "output"));
  CHECK(tilewright_find_input(model, "x") == 0 && tilewright_find_input(model, "y") == -1);
  CHECK(tilewright_find_output(model, "output") == 0);
  CHECK(strstr(tilewright_manifest(model), "\"batch\"") && strlen(tilewright_version()) > 2);
  CHECK(!strcmp(tilewright_device(model), "cpu") && tilewright_format_version() >= 1);
  CHECK(!strcmp(tilewright_dtype_name(TILEWRIGHT_BFLOAT16), "bfloat16"));
  CHECK(tilewright_dtype_bytes(TILEWRIGHT_FLOAT64) == 8 && tilewright_dtype_name(99) == NULL);
}

/* Memory of the library's, memory of ours, and memory of the library's used again. */
static void run(int64_t rows) {
  float* x = numbers(rows * 64);
  tilewright_tensor input = tensor(x, rows, 64), own, mine;
  memset(&own, 0, sizeof own);
  memset(&mine, 0, sizeof mine);
  CHECK(tilewright_infer(model, 1, &input, 1, &mine) == TILEWRIGHT_OK);
  CHECK(mine.bytes == rows * 40 && mine.rank == 2 && mine.shape[1] == 10 && !mine.data);
  mine.data = malloc((size_t)mine.bytes + 64);
  memset(mine.data, 7, (size_t)mine.bytes + 64);
  for (int i = 0; i < 3; ++i) {
    CHECK(tilewright_run(model, 1, &input, 1, &own) == TILEWRIGHT_OK);
    CHECK(own.owner && own.shape[0] == rows && own.bytes == rows * 40);
  }
  CHECK(tilewright_run(model, 1, &input, 1, &mine) == TILEWRIGHT_OK && !mine.owner);
  CHECK(!memcmp(own.data, mine.data, (size_t)own.bytes));
  for (int i = 0; i < 64; ++i) CHECK(((char*)mine.data)[mine.bytes + i] == 7);
  for (int64_t i = 0; i < rows * 10; ++i) printf("%.9g\n", (double)((float*)own.data)[i]);
  mine.bytes -= 4;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &mine), TILEWRIGHT_BAD_ARGUMENT, "has room for");
  tilewright_release(&own);
  tilewright_release(&own);
  CHECK(!own.data && !own.owner);
  tilewright_release(&mine); /* not the library's */
  CHECK(mine.data);
  free(mine.data);
  free(x);
}

static void misuse(void) {
  float* x = numbers(128);
  tilewright_tensor good = tensor(x, 2, 64), input = good, output;
  memset(&output, 0, sizeof output);
  input.dtype = TILEWRIGHT_INT32;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_DTYPE, "dtype int32");
  input.dtype = 99;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "dtype");
  input = tensor(x, 64, 2);
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_SHAPE, "axis 1 must");
  input = good, input.rank = TILEWRIGHT_MAX_RANK + 1;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "rank");
  input = good, input.shape[0] = -2;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_SHAPE, "negative");
  input = good, input.shape[0] = INT64_MAX / 2;
  CHECK(tilewright_run(model, 1, &input, 1, &output) != TILEWRIGHT_OK);
  input = good, input.bytes = 12;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "12 bytes");
  input = good, input.data = NULL;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "no data");
  input = good, input.data = (char*)x + 1;
  CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "aligned");
  CHECK_ERROR(tilewright_run(model, 2, &good, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "number of in");
  CHECK_ERROR(tilewright_run(model, 1, &good, 0, &output), TILEWRIGHT_BAD_ARGUMENT, "number of out");
  CHECK_ERROR(tilewright_run(model, 1, NULL, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "null pointer");
  CHECK_ERROR(tilewright_run(NULL, 1, &good, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "null pointer");
  CHECK_ERROR(tilewright_input(model, 1, NULL), TILEWRIGHT_BAD_ARGUMENT, "null pointer");
  tilewright_port port;
  CHECK_ERROR(tilewright_input(model, 1, &port), TILEWRIGHT_BAD_ARGUMENT, "got number 1");
  CHECK_ERROR(tilewright_set_threads(0), TILEWRIGHT_BAD_ARGUMENT, "1 to 256");
  CHECK(!output.data && tilewright_input_count(NULL) == 0 && tilewright_find_input(model, NULL) < 0);
  free(x);
}

static void load_errors(const char* path) {
  tilewright_model* other = NULL;
  tilewright_options options;
  memset(&options, 0, sizeof options);
  CHECK_ERROR(tilewright_load("/nowhere/m.tw", NULL, &other), TILEWRIGHT_SYSTEM, "No such file");
  CHECK_ERROR(tilewright_load(NULL, NULL, &other), TILEWRIGHT_BAD_ARGUMENT, "null pointer");
  CHECK_ERROR(tilewright_load_memory("no", 2, NULL, &other), TILEWRIGHT_DAMAGED, "shorter");
  options.device = "abacus";
  CHECK_ERROR(tilewright_load(path, &options, &other), TILEWRIGHT_FOREIGN, "abacus");
  CHECK(other == NULL);
}

static void load_copy(const char* path) {
  FILE* file = fopen(path, "rb");
  CHECK(file && !fseek(file, 0, SEEK_END));
  const size_t size = (size_t)ftell(file);
  char* memory = (char*)malloc(size + 1);
  rewind(file);
  CHECK(fread(memory + 1, 1, size, file) == size); /* not aligned: weights are copied */
  fclose(file);
  tilewright_options options;
  memset(&options, 0, sizeof options);
  CHECK(tilewright_load_memory(memory + 1, size, NULL, &model) == TILEWRIGHT_OK);
  describe();
  tilewright_free(model);
  options.copy = 1;
  options.skip_weights_checksum = 1;
  CHECK(tilewright_load_memory(memory + 1, size, &options, &model) == TILEWRIGHT_OK);
  memset(memory, 0, size + 1);
  free(memory);
  describe();
  misuse();
  tilewright_free(model);
}

static void* many_runs(void* result) {
  float* x = numbers(5 * 64);
  for (int i = 0; i < 200; ++i) {
    tilewright_tensor input = tensor(x, 5, 64), output;
    memset(&output, 0, sizeof output);
    CHECK(tilewright_run(model, 1, &input, 1, &output) == TILEWRIGHT_OK);
    if (i == 0) memcpy(result, output.data, 200);
    CHECK(!memcmp(result, output.data, 200));
    tilewright_release(&output);
    input.rank = 1; /* messages are each thread's own */
    CHECK_ERROR(tilewright_run(model, 1, &input, 1, &output), TILEWRIGHT_BAD_ARGUMENT, "bytes");
  }
  free(x);
  return NULL;
}

static void threads(void) {
  pthread_t all[4];
  float results[4][50];
  for (int i = 0; i < 4; ++i) CHECK(!pthread_create(&all[i], NULL, many_runs, results[i]));
  for (int i = 0; i < 4; ++i) CHECK(!pthread_join(all[i], NULL));
  for (int i = 1; i < 4; ++i) CHECK(!memcmp(results[0], results[i], sizeof results[0]));
}

int main(int count, char** words) {
  CHECK(count == 3);
  load_errors(words[1]);
  load_copy(words[1]);
  CHECK(tilewright_load(words[1], NULL, &model) == TILEWRIGHT_OK);
  CHECK(tilewright_set_threads(3) == TILEWRIGHT_OK && tilewright_threads() == 3);
  describe();
  run(atoi(words[2]));
  run(0);
  misuse();
  threads();
  tilewright_free(model);
  tilewright_free(NULL);
  return 0;
}
