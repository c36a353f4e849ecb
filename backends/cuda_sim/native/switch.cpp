#include "switch.h"

#include <cstdint>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace tilewright::cuda_sim {

#if defined(__x86_64__)

// System V ABI: the called one keeps rbx, rbp, r12 to r15, and the control bits of the float units.
extern "C" void tw_sim_switch(void** from, void* to);
asm(R"(
.text
.p2align 4
.hidden tw_sim_switch
.globl tw_sim_switch
.type tw_sim_switch, @function
tw_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tw_sim_switch, . - tw_sim_switch
)");

void* make_stack(char* top, void (*entry)()) {
  auto* words = reinterpret_cast<uintptr_t*>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t(15));
  *--words = 0;  // where a call would have put the way back; keeps the stack aligned at the entry
  *--words = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < 6; ++i) *--words = 0;
  return words;
}

void switch_stack(void** from, void* to) { tw_sim_switch(from, to); }

#else

// The context lies on its own stack, or (of the runner) on the stack that it leaves.
void* make_stack(char* top, void (*entry)()) {
  constexpr size_t kRoom = 192 << 10;
  auto* context = reinterpret_cast<ucontext_t*>((reinterpret_cast<uintptr_t>(top) -
                                                 sizeof(ucontext_t)) & ~uintptr_t(63));
  getcontext(context);
  context->uc_stack.ss_sp = reinterpret_cast<char*>(context) - kRoom;
  context->uc_stack.ss_size = kRoom;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void switch_stack(void** from, void* to) {
  ucontext_t own;
  *from = &own;
  swapcontext(&own, static_cast<ucontext_t*>(to));
}

#endif

}  // namespace tilewright::cuda_sim
