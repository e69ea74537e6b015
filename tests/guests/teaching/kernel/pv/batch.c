// The queue: neighbouring updates become one mmu_update, neighbouring operations one mmuext_op, and several of these one multicall.
#include "../console.h"
#include "hypercall.h"

enum { kCalls = 32, kOperations = 128 };

static struct pv_multicall_entry calls[kCalls];
static struct pv_mmu_update updates[kPvMostUpdates];
static struct pv_mmuext_op operations[kOperations];
static unsigned call_count, update_count, operation_count;

void batch_call(uint64_t call, uint64_t a, uint64_t b, uint64_t c) {
  if (call_count == kCalls) batch_flush();
  calls[call_count++] = (struct pv_multicall_entry){.call = call, .argument = {a, b, c}};
}

// One element more of the batch that the last call in the queue is, or of a new one.
static void extend(uint64_t call, uint64_t element) {
  if (call_count && calls[call_count - 1].call == call) calls[call_count - 1].argument[1]++;
  else batch_call(call, element, 1, 0);
}

void batch_update(uint64_t machine_address, uint64_t value) {
  if (update_count == kPvMostUpdates || call_count == kCalls) batch_flush();
  struct pv_mmu_update *update = &updates[update_count++];
  *update = (struct pv_mmu_update){machine_address, value};
  extend(kPvMmuUpdate, (uint64_t)update);
}

void batch_operation(uint32_t command, uint64_t argument) {
  if (operation_count == kOperations || call_count == kCalls) batch_flush();
  struct pv_mmuext_op *operation = &operations[operation_count++];
  *operation = (struct pv_mmuext_op){command, 0, argument};
  extend(kPvMmuextOp, (uint64_t)operation);
}

static void check(uint64_t call, int64_t result) {
  if (result < 0) panic("hypercall %lu was refused: %ld", call, result);
}

void batch_flush(void) {
  const unsigned count = call_count;
  call_count = update_count = operation_count = 0;  // first: a panic prints
  if (count == 1) {
    check(calls[0].call, hypercall(calls[0].call, calls[0].argument[0], calls[0].argument[1], calls[0].argument[2]));
  } else if (count > 1) {
    check(kPvMulticall, hypercall(kPvMulticall, (uint64_t)calls, count, 0));
    for (unsigned i = 0; i < count; i++) check(calls[i].call, calls[i].result);
  }
}
