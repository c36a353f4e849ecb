// A device in the host's memory, for tests of what the core does with a table: it has no float64,
// counts what it holds, and fails when it is told to. Its one kernel, `twice`, doubles floats.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

struct tw_memory {
  int64_t bytes;
  char data[];
};

int fake_blocks = 0, fake_modules = 0, fake_waits = 0;
int64_t fake_bytes = 0;
int64_t fake_room = 1 << 20;  // bytes that can be allocated in all
int fake_fails = 0;           // so many of the next launches fail with `fake_status`
int fake_status = TW_FAILED;
char fake_log[4096];

static void note(const char* what) {
  if (strlen(fake_log) + strlen(what) + 1 < sizeof fake_log) strcat(fake_log, what);
}

static int fail(tw_error* error, int status, const char* text) {
  snprintf(error->text, sizeof error->text, "%s", text);
  return status;
}

static int32_t count(tw_error* error) { return 2; }
static int open_device(int32_t number, tw_device** device, tw_error* error) {
  if (number == 1) return fail(error, TW_FAILED, "it is broken");
  *device = (tw_device*)&fake_blocks;
  return TW_OK;
}
static void close_device(tw_device* device) {}
static int properties(tw_device* device, tw_properties* p, tw_error* error) {
  snprintf(p->name, sizeof p->name, "A fake");
  snprintf(p->driver, sizeof p->driver, "fake 1.0");
  p->memory = fake_room;
  p->largest = fake_room;
  p->shared = 1024;
  p->units = 1;
  p->threads = 64;
  p->warp = 1;
  p->dtypes = 0x0FFF;  // all but float64
  return TW_OK;
}

static int allocate(tw_device* device, int64_t bytes, tw_memory** memory, tw_error* error) {
  if (fake_bytes + bytes > fake_room) return fail(error, TW_OUT_OF_MEMORY, "the fake is full");
  *memory = malloc(sizeof(tw_memory) + (size_t)bytes);
  (*memory)->bytes = bytes;
  ++fake_blocks;
  fake_bytes += bytes;
  return TW_OK;
}
static void release(tw_device* device, tw_memory* memory) {
  --fake_blocks;
  fake_bytes -= memory->bytes;
  free(memory);
}

static int make_queue(tw_device* device, int32_t timed, tw_queue** queue, tw_error* error) {
  *queue = (tw_queue*)&fake_bytes;
  return TW_OK;
}
static void drop_queue(tw_queue* queue) {}
static int write_memory(tw_queue* queue, tw_memory* to, int64_t offset, const void* host,
                        int64_t bytes, tw_error* error) {
  note("w");
  memcpy(to->data + offset, host, (size_t)bytes);
  return TW_OK;
}
static int read_memory(tw_queue* queue, const tw_memory* from, int64_t offset, void* host,
                       int64_t bytes, tw_error* error) {
  note("r");
  memcpy(host, from->data + offset, (size_t)bytes);
  return TW_OK;
}
static int copy(tw_queue* queue, const tw_memory* from, int64_t from_offset, tw_memory* to,
                int64_t to_offset, int64_t bytes, tw_error* error) {
  note("c");
  memmove(to->data + to_offset, from->data + from_offset, (size_t)bytes);
  return TW_OK;
}

static int load(tw_device* device, const void* code, size_t bytes, tw_module** module,
                void** binary, size_t* binary_bytes, tw_error* error) {
  if (bytes >= 3 && memcmp(code, "bad", 3) == 0) return fail(error, TW_FAILED, "line 1: bad code");
  ++fake_modules;
  *module = (tw_module*)&fake_modules;
  return TW_OK;
}
static void unload(tw_module* module) { --fake_modules; }
static int function(tw_module* module, const char* symbol, tw_function** f, tw_error* error) {
  if (strcmp(symbol, "twice")) return fail(error, TW_FAILED, "no such function");
  *f = (tw_function*)&fake_waits;
  return TW_OK;
}
static int launch(tw_queue* queue, tw_function* f, const tw_launch* shape, int32_t n,
                  const tw_argument* arguments, tw_error* error) {
  if (fake_fails > 0) {
    --fake_fails;
    return fail(error, fake_status, "told to fail");
  }
  note("l");
  const float* x = (const float*)(arguments[0].memory->data + arguments[0].value);
  float* y = (float*)(arguments[1].memory->data + arguments[1].value);
  for (int64_t i = 0; i < arguments[n - 1].value; ++i) y[i] = 2 * x[i];
  return TW_OK;
}

static int record(tw_queue* queue, tw_event** event, tw_error* error) {
  *event = (tw_event*)&fake_waits;
  return TW_OK;
}
static int wait_event(tw_event* event, tw_error* error) { return ++fake_waits, TW_OK; }
static int event_time(tw_event* event, int64_t* nanoseconds, tw_error* error) {
  return fail(error, TW_UNSUPPORTED, "no clock");
}
static void drop_event(tw_event* event) {}
static int synchronise(tw_queue* queue, tw_error* error) { return ++fake_waits, note("s"), TW_OK; }

static const tw_device_api table = {
    TW_DEVICE_VERSION, "fake", count, open_device, close_device, properties, allocate, release,
    make_queue, drop_queue, write_memory, read_memory, copy, load, unload, function, launch,
    record, wait_event, event_time, drop_event, synchronise};

const tw_device_api* tw_device_table(void) { return &table; }
