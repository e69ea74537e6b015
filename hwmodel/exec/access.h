// Operand access for handlers: registers, memory operands, explicit linear addresses and the stack.
// Memory: the fast path compares one tag of the direct-pointer table (mmu/fast_table.h); everything else (TLB fill, walk,
// page straddle, MMIO, code pages, faults) is in access.cpp. A false return means cpu.pending or cpu.stop is set: return
// `fault(cpu, op)` (it handles both).
#pragma once

#include <cstring>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

struct U128 { uint64_t lo, hi; };

// --- registers ----------------------------------------------------------------------------------------------------
// 8-bit operands are byte offsets into gpr[]; wider ones register numbers. 32-bit writes zero the upper half.
template <class T>
inline T reg(const Cpu& cpu, unsigned n) {
  if constexpr (sizeof(T) == 1) return reinterpret_cast<const uint8_t*>(cpu.gpr.data())[n];
  return static_cast<T>(cpu.gpr[n]);
}
template <class T>
inline void set_reg(Cpu& cpu, unsigned n, T value) {
  if constexpr (sizeof(T) == 1) reinterpret_cast<uint8_t*>(cpu.gpr.data())[n] = static_cast<uint8_t>(value);
  else if constexpr (sizeof(T) == 2) std::memcpy(&cpu.gpr[n], &value, 2);
  else cpu.gpr[n] = value;  // zero-extends 32-bit
}

// --- addresses ----------------------------------------------------------------------------------------------------
// Offset of the memory operand within its segment, truncated to the address size.
uint64_t effective_offset(const Cpu& cpu, const Uop* op);
// Linear address of `size` bytes at `offset` in `segment`; checks limit, rights and canonical form in `op`'s mode.
// False with #GP/#SS pending.
bool linear_address(Cpu& cpu, const Uop* op, unsigned segment, uint64_t offset, unsigned size, bool write, uint64_t& linear);

inline uint64_t flat_address(const Cpu& cpu, const Uop* op) {
  return cpu.gpr[op->base] + (cpu.gpr[op->index] << op->scale) + static_cast<int64_t>(op->disp);
}
// Linear address of op's memory operand, all modes.
inline bool operand_address(Cpu& cpu, const Uop* op, unsigned size, bool write, uint64_t& linear) {
  if (op->mode == AddressMode::kFlat) [[likely]] { linear = flat_address(cpu, op); return true; }
  return linear_address(cpu, op, op->segment, effective_offset(cpu, op), size, write, linear);
}

// --- linear memory at the current privilege -------------------------------------------------------------------------
// Slow paths: any size up to 16 bytes, any alignment. They set #PF, #GP(0) (non-canonical; #SS for stack accesses is raised by
// push/pop helpers), #AC, or an MMIO stop.
bool load_slow(Cpu& cpu, uint64_t linear, void* out, unsigned size);
bool store_slow(Cpu& cpu, uint64_t linear, const void* value, unsigned size);

template <class T>
[[nodiscard]] inline bool load_linear(Cpu& cpu, uint64_t linear, T& out) {
  ++cpu.mmu.data_accesses;
  const FastEntry& e = cpu.mmu.fast_entry(linear);
  if (((linear + sizeof(T) - 1) & ~uint64_t{0xfff}) == e.read_tag) [[likely]] {
    std::memcpy(&out, reinterpret_cast<const void*>(linear + e.addend), sizeof(T));
    return true;
  }
  return load_slow(cpu, linear, &out, sizeof(T));
}
template <class T>
[[nodiscard]] inline bool store_linear(Cpu& cpu, uint64_t linear, const T& value) {
  ++cpu.mmu.data_accesses;
  const FastEntry& e = cpu.mmu.fast_entry(linear);
  if (((linear + sizeof(T) - 1) & ~uint64_t{0xfff}) == e.write_tag) [[likely]] {
    std::memcpy(reinterpret_cast<void*>(linear + e.addend), &value, sizeof(T));
    return true;
  }
  return store_slow(cpu, linear, &value, sizeof(T));
}
// Read-modify-write: write permission is checked before anything is read, so a fault leaves memory untouched.
bool probe_write(Cpu& cpu, uint64_t linear, unsigned size);
template <class T, class F>
[[nodiscard]] inline bool modify_linear(Cpu& cpu, uint64_t linear, F&& change) {
  const FastEntry& e = cpu.mmu.fast_entry(linear);
  if (((linear + sizeof(T) - 1) & ~uint64_t{0xfff}) == e.write_tag) [[likely]] {
    ++cpu.mmu.data_accesses;
    T value;
    void* host = reinterpret_cast<void*>(linear + e.addend);
    std::memcpy(&value, host, sizeof(T));
    value = change(value);
    std::memcpy(host, &value, sizeof(T));
    return true;
  }
  T value;
  if (!probe_write(cpu, linear, sizeof(T)) || !load_linear(cpu, linear, value)) return false;
  const LazyFlags flags = cpu.arithmetic;   // an MMIO store may stop here and the instruction run again
  value = change(value);
  if (store_linear(cpu, linear, value)) return true;
  cpu.arithmetic = flags;
  return false;
}

// --- the memory operand of a micro-op ------------------------------------------------------------------------------
template <class T>
[[nodiscard]] inline bool load(Cpu& cpu, const Uop* op, T& out) {
  uint64_t linear;
  return operand_address(cpu, op, sizeof(T), false, linear) && load_linear(cpu, linear, out);
}
template <class T>
[[nodiscard]] inline bool store(Cpu& cpu, const Uop* op, const T& value) {
  uint64_t linear;
  return operand_address(cpu, op, sizeof(T), true, linear) && store_linear(cpu, linear, value);
}
template <class T, class F>
[[nodiscard]] inline bool modify(Cpu& cpu, const Uop* op, F&& change) {
  uint64_t linear;
  return operand_address(cpu, op, sizeof(T), true, linear) && modify_linear<T>(cpu, linear, change);
}

// --- the stack: pushes and pops of `size` bytes (2, 4, 8) with op->stack_size; SP changes only on success ------------------
bool push(Cpu& cpu, const Uop* op, uint64_t value, unsigned size);
bool pop(Cpu& cpu, const Uop* op, uint64_t& value, unsigned size);

// --- system structures (descriptor tables, TSS, IDT): supervisor accesses whatever the CPL, no segmentation ---------------
bool load_system(Cpu& cpu, uint64_t linear, void* out, unsigned size);
bool store_system(Cpu& cpu, uint64_t linear, const void* value, unsigned size);

// --- ports: false with StopPort pending, or after the reply is there true with the value -------------------------------
bool port_in(Cpu& cpu, uint16_t port, unsigned size, uint32_t& value);
bool port_out(Cpu& cpu, uint16_t port, unsigned size, uint32_t value);

}  // namespace ringside::hw
