/* tilewright: runs compiled artifacts (.tw files) from C and C++, without Python.
 *
 *     tilewright_model* model;
 *     if (tilewright_load("m.tw", NULL, &model)) puts(tilewright_last_error());
 *     float x[4] = {1, 2, 3, 4};
 *     tilewright_tensor input = {x, sizeof x, TILEWRIGHT_FLOAT32, 1, {4}, NULL};
 *     tilewright_tensor output = {0};                       // memory of the library's
 *     if (tilewright_run(model, 1, &input, 1, &output)) puts(tilewright_last_error());
 *     ...                                                   // output.data, .rank, .shape
 *     tilewright_release(&output);
 *     tilewright_free(model);
 *
 * Every function that can fail returns a tilewright_status; then tilewright_last_error() is the
 * message, in this thread. A model may be used by many threads at once. Arrays are contiguous in C
 * order and aligned to their elements. Artifacts hold machine code: load only those that you trust.
 * C99 and C++17.
 */
#ifndef TILEWRIGHT_H
#define TILEWRIGHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(TILEWRIGHT_BUILD)
#define TILEWRIGHT_API __attribute__((visibility("default")))
#else
#define TILEWRIGHT_API
#endif

#define TILEWRIGHT_MAX_RANK 32

typedef enum tilewright_status {
  TILEWRIGHT_OK = 0,
  TILEWRIGHT_BAD_ARGUMENT = 1, /* a null pointer, a number or name that does not exist, ... */
  TILEWRIGHT_BAD_SHAPE = 2,    /* an input has another shape than the model takes */
  TILEWRIGHT_BAD_DTYPE = 3,    /* an input has another dtype than the model takes */
  TILEWRIGHT_DAMAGED = 4,      /* the artifact is not whole, or is none */
  TILEWRIGHT_FOREIGN = 5,      /* it is for another processor, device or version of the library */
  TILEWRIGHT_NO_MEMORY = 6,
  TILEWRIGHT_SYSTEM = 7,       /* the file cannot be opened or read */
  TILEWRIGHT_DEVICE_FAILED = 8, /* the device or its driver failed */
  TILEWRIGHT_INTERNAL = 9,     /* a fault of the library */
  TILEWRIGHT_CHECK_FAILED = 10 /* a check of the model's author does not hold for these inputs */
} tilewright_status;

typedef enum tilewright_dtype {
  TILEWRIGHT_BOOL = 0,
  TILEWRIGHT_INT8 = 1,
  TILEWRIGHT_INT16 = 2,
  TILEWRIGHT_INT32 = 3,
  TILEWRIGHT_INT64 = 4,
  TILEWRIGHT_UINT8 = 5,
  TILEWRIGHT_UINT16 = 6,
  TILEWRIGHT_UINT32 = 7,
  TILEWRIGHT_UINT64 = 8,
  TILEWRIGHT_FLOAT16 = 9,
  TILEWRIGHT_BFLOAT16 = 10,
  TILEWRIGHT_FLOAT32 = 11,
  TILEWRIGHT_FLOAT64 = 12,
  TILEWRIGHT_COMPLEX64 = 13, /* pairs of floats: the real part, then the imaginary one */
  TILEWRIGHT_COMPLEX128 = 14 /* pairs of doubles */
} tilewright_dtype;

/* A loaded artifact. */
typedef struct tilewright_model tilewright_model;

/* How to load; zeros mean the defaults. */
typedef struct tilewright_options {
  int32_t skip_weights_checksum; /* 1: trust the weights (the rest is always checked) */
  int32_t copy;                  /* 1: read the file instead of mapping it into memory */
  const char* device;            /* which of several, as "opencl:1"; NULL: the first */
} tilewright_options;

/* What an input or output is. The texts belong to the model. */
typedef struct tilewright_port {
  const char* name;
  int32_t dtype; /* tilewright_dtype */
  int32_t rank;
  int64_t shape[TILEWRIGHT_MAX_RANK];     /* -1: known only at a run */
  const char* sizes[TILEWRIGHT_MAX_RANK]; /* as text: "64", "batch" */
} tilewright_port;

/* An array. The members behind `bytes` may be left 0 in outputs: the run sets them. */
typedef struct tilewright_tensor {
  void* data;    /* of an output: NULL, or memory for the result */
  int64_t bytes; /* the size of that memory; of an input: of the array */
  int32_t dtype; /* tilewright_dtype */
  int32_t rank;
  int64_t shape[TILEWRIGHT_MAX_RANK];
  void* owner; /* of an output: what tilewright_release gives back, or NULL */
} tilewright_tensor;

/* "0.1.0" */
TILEWRIGHT_API const char* tilewright_version(void);

/* The newest version of the file format that this library reads. */
TILEWRIGHT_API int32_t tilewright_format_version(void);

/* The message of the last failure in this thread; "" if there was none. */
TILEWRIGHT_API const char* tilewright_last_error(void);

/* Loads an artifact; `options` may be NULL. The file must not be written to while it is in use
 * (replace it by a rename). */
TILEWRIGHT_API tilewright_status tilewright_load(const char* path,
                                                 const tilewright_options* options,
                                                 tilewright_model** model);

/* The same from memory, which must outlive the model and its outputs, unless `copy` is set. */
TILEWRIGHT_API tilewright_status tilewright_load_memory(const void* data, size_t bytes,
                                                        const tilewright_options* options,
                                                        tilewright_model** model);

/* Gives a model back (NULL is allowed). Outputs that are not released yet stay valid. */
TILEWRIGHT_API void tilewright_free(tilewright_model* model);

TILEWRIGHT_API const char* tilewright_name(const tilewright_model* model);
TILEWRIGHT_API const char* tilewright_device(const tilewright_model* model);

/* All that the artifact says of itself, as JSON. */
TILEWRIGHT_API const char* tilewright_manifest(const tilewright_model* model);

TILEWRIGHT_API int32_t tilewright_input_count(const tilewright_model* model);
TILEWRIGHT_API int32_t tilewright_output_count(const tilewright_model* model);

/* Describes an input or output by its number. */
TILEWRIGHT_API tilewright_status tilewright_input(const tilewright_model* model, int32_t number,
                                                  tilewright_port* port);
TILEWRIGHT_API tilewright_status tilewright_output(const tilewright_model* model, int32_t number,
                                                   tilewright_port* port);

/* The number of the input or output of that name, or -1. */
TILEWRIGHT_API int32_t tilewright_find_input(const tilewright_model* model, const char* name);
TILEWRIGHT_API int32_t tilewright_find_output(const tilewright_model* model, const char* name);

/* Sets dtype, rank, shape and bytes of the outputs that a run on these inputs would give (their
 * data may be NULL), so that memory for them can be had. Leaves data and owner alone. */
TILEWRIGHT_API tilewright_status tilewright_infer(const tilewright_model* model, int32_t n_inputs,
                                                  const tilewright_tensor* inputs,
                                                  int32_t n_outputs, tilewright_tensor* outputs);

/* Runs the model. Outputs whose data is NULL get memory of the library's, to be given back by
 * tilewright_release; others are written to their memory, which must not overlap any input or other
 * output and must be large enough. On failure the outputs are left as they were. */
TILEWRIGHT_API tilewright_status tilewright_run(const tilewright_model* model, int32_t n_inputs,
                                                const tilewright_tensor* inputs, int32_t n_outputs,
                                                tilewright_tensor* outputs);

/* Gives back the memory of an output of tilewright_run, and sets its data to NULL. Does nothing to
 * memory of the caller's. */
TILEWRIGHT_API void tilewright_release(tilewright_tensor* output);

/* Threads that runs of this process use: by default every core it may use, or
 * TILEWRIGHT_NUM_THREADS. */
TILEWRIGHT_API tilewright_status tilewright_set_threads(int32_t count);
TILEWRIGHT_API int32_t tilewright_threads(void);

/* "float32", or NULL for a number that is no tilewright_dtype; bytes of an element, or 0. */
TILEWRIGHT_API const char* tilewright_dtype_name(int32_t dtype);
TILEWRIGHT_API int32_t tilewright_dtype_bytes(int32_t dtype);

#ifdef __cplusplus
}
#endif

#endif /* TILEWRIGHT_H */
