// Between the run side, which switches between the threads of a block, and an emulated module.
#pragma once

#include <stdint.h>

#define TW_SIM_VERSION 1
#define TW_SIM_WARP 32
#define TW_SIM_SLOT 16  // bytes that a thread may pass in one warp operation

struct tw_sim_uint3 {
  uint32_t x, y, z;
};

// Where the running thread is; the run side sets it at every switch.
struct tw_sim_place {
  tw_sim_uint3 thread, block, block_dim, grid_dim;
  uint32_t lane;
  void* dynamic_shared;
};

// What a kernel asks of the run side.
struct tw_sim_host {
  // Return when all threads of the block (of the warp) have called it. `line` is the caller's.
  void (*block_barrier)(int line);
  void (*warp_barrier)(int line);
  // TW_SIM_WARP slots of TW_SIM_SLOT bytes, which the threads of a warp share.
  unsigned char* (*warp_slots)();
  // Told of every access of kernels that were compiled with TW_VISIBLE_ACCESSES (see cuda.h), with
  // the running thread in tw_sim_place; NULL: nobody wants to know. The place for a checker of
  // races and bounds, which also sees every barrier.
  void (*access)(const void* address, int bytes, int is_write);
};

struct tw_sim_kernel {
  const char* name;
  void (*run)(const void* const* arguments);  // one pointer to each argument
  char* shared_begin;                         // of static shared memory; NULL: none
  char* shared_end;
};

// What a module exports under the name tw_sim_module.
struct tw_sim_module_table {
  int32_t version;
  int32_t count;
  const tw_sim_kernel* kernels;
  tw_sim_place* place;
  const tw_sim_host** host;
};
