/* Runs an artifact of one input and one output, both float32, on numbers from 0 to 1:
 *
 *     tilewright compile model.py:predict -o m.tw
 *     cc -std=c99 examples/run_artifact.c $(tilewright config --cflags --libs) -o run_artifact
 *     ./run_artifact m.tw
 */
#include <stdio.h>
#include <stdlib.h>
#include <tilewright.h>

static int failed(const char* what) {
  fprintf(stderr, "%s: %s\n", what, tilewright_last_error());
  return 1;
}

int main(int count, char** words) {
  if (count != 2) return fprintf(stderr, "usage: %s MODEL.tw\n", words[0]), 2;
  tilewright_model* model = NULL;
  if (tilewright_load(words[1], NULL, &model)) return failed("load");

  tilewright_port port;
  if (tilewright_input(model, 0, &port)) return failed("describe");
  printf("%s takes %s: %s of rank %d\n", tilewright_name(model), port.name,
         tilewright_dtype_name(port.dtype), (int)port.rank);

  /* Sizes that are known only at a run are -1: here they become 2. */
  tilewright_tensor input = {0}, output = {0};
  int64_t elements = 1;
  input.dtype = port.dtype;
  input.rank = port.rank;
  for (int32_t i = 0; i < port.rank; ++i) {
    input.shape[i] = port.shape[i] < 0 ? 2 : port.shape[i];
    elements *= input.shape[i];
  }
  float* numbers = (float*)malloc((size_t)elements * sizeof *numbers);
  if (!numbers) return 1;
  for (int64_t i = 0; i < elements; ++i) numbers[i] = (float)i / (float)elements;
  input.data = numbers;
  input.bytes = elements * (int64_t)sizeof *numbers;

  if (tilewright_run(model, 1, &input, 1, &output)) return failed("run");
  for (int64_t i = 0; i < output.bytes / (int64_t)sizeof(float); ++i)
    printf("%g\n", (double)((float*)output.data)[i]);
  tilewright_release(&output);
  tilewright_free(model);
  free(numbers);
  return 0;
}
