// Primitive: the operations besides instructions that take modelled time, each priced once in a cost profile. Everything
// else an experiment reports is a sum of them. Called by the run loop and the monitor when they charge time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hwmodel/isa/cost_class.h"

namespace ringside::hw {

enum class Primitive : uint8_t {
  // The processor.
  kWalkReference,      // one reference of a page walk to a table
  kL2TlbHit,           // translation found in the second-level TLB, beyond a first-level hit (which is free)
  kTlbFlush,           // MOV CR3, INVLPG, INVPCID: the flush itself, not the misses after it
  kExceptionDelivery,  // fault, trap or software interrupt through the IDT, to the handler's first instruction
  kInterruptDelivery,  // external interrupt, likewise
  kVmEntry,            // root to non-root mode
  kVmExit,             // non-root to root mode
  // The monitor, per cause. World switches are not part of them.
  kDispatch,            // every exit: save the guest's registers, find the reason, return
  kEmulateInstruction,  // decode one instruction and do its effect in software
  kNestedFill,          // EPT violation answered with a mapping
  kShadowFill,          // guest tables walked in software, a shadow entry made
  kShadowSync,          // one out-of-date shadow table compared with the guest's
  kPageTableWrite,      // write to a protected guest table emulated, its shadow entry dropped
  kRootSwitch,          // guest CR3 load under shadow paging: find or make the root
  kHypercall,           // the service itself
  kInjectEvent,         // choose and write an event for the next entry
  kHostSwitch,          // type 2: from the monitor in the kernel to its user process and back
  // Translated code.
  kCallout,             // from translated code into the monitor and back
  kTranslateInstruction,  // translate one guest instruction
  // An interpreter (technique emulate).
  kInterpretInstruction,  // every guest instruction: fetch its decoded form, dispatch, operands and flags, beside the work of its class
  kSoftTlbHit,            // every memory operand: looked up in the interpreter's own TLB, and found
  kSoftTlbMiss,           // not found there: the guest's tables walked in software, the entry made
  // The machine.
  kDeviceAccess,  // one port or MMIO access that reaches a device
};
constexpr size_t kPrimitives = 23;
static_assert(static_cast<size_t>(Primitive::kDeviceAccess) + 1 == kPrimitives);

// Names as in profile files.
constexpr std::array<std::string_view, kPrimitives> kPrimitiveNames = {
    "walk_reference",  "l2_tlb_hit",        "tlb_flush",    "exception_delivery", "interrupt_delivery",
    "vm_entry",        "vm_exit",           "dispatch",     "emulate_instruction", "nested_fill",
    "shadow_fill",     "shadow_sync",       "page_table_write", "root_switch",    "hypercall",
    "inject_event",    "host_switch",       "callout",      "translate_instruction", "interpret_instruction",
    "soft_tlb_hit",    "soft_tlb_miss",     "device_access"};

constexpr size_t kCostClasses = 20;
static_assert(static_cast<size_t>(CostClass::kFence) + 1 == kCostClasses);
constexpr std::array<std::string_view, kCostClasses> kCostClassNames = {
    "nop",   "move",   "alu",    "shift", "multiply", "divide", "branch",    "indirect", "call",      "stack",
    "string", "locked", "x87",    "x87_slow", "simd",  "simd_slow", "system", "serialize", "io",       "fence"};

}  // namespace ringside::hw
