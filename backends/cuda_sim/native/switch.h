// Changing from one stack to another: by hand on x86-64, where ucontext's system calls would cost a
// hundred times as much, and by ucontext elsewhere.
#pragma once

namespace tilewright::cuda_sim {

// The first state of a stack that ends at `top`: `entry` is called on it, and must not return.
void* make_stack(char* top, void (*entry)());

// Saves the running state under `*from` and goes on with `to`.
void switch_stack(void** from, void* to);

}  // namespace tilewright::cuda_sim
