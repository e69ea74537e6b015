#include "hwmodel/exec/access.h"

#include <algorithm>

#include "hwmodel/exec/block_cut.h"
#include "hwmodel/platform/chipset.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw {
namespace {

// Which exception it is depends on the operand's segment, which is known where the instruction gives up: fault() turns it into #SS.
bool raise_non_canonical(Cpu& cpu) {
  cpu.raise(Vector::kGP, 0);
  cpu.pending.non_canonical = true;
  return false;
}

bool is_canonical(uint64_t linear) { return static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) == linear; }

// Who looks: the program at its CPL, or the processor itself (descriptor tables, TSS), which is supervisor whatever the CPL and never
// lifted from SMAP by AC.
enum class Looker : uint8_t { kProgram, kProcessor };

// A device register instead of RAM. Runs only in a private block, so that the access is the last thing its block does.
bool mmio(Cpu& cpu, GuestPhysical address, void* data, unsigned size, AccessKind kind) {
  if (!cpu.in_private_block()) {
    cpu.want_single = true;
    return false;
  }
  const bool write = kind == AccessKind::kWrite;
  uint64_t value = 0;
  for (unsigned done = 0; done < size; done += 8) {  // wider operands go as several bus accesses
    const unsigned part = std::min(size - done, 8u);
    auto* bytes = static_cast<uint8_t*>(data) + done;
    if (write) { value = 0; std::memcpy(&value, bytes, part); }
    const GuestPhysical at = address + done;
    if (cpu.chipset && cpu.chipset->owns_mmio(cpu.id, at)) {
      if (write) cpu.chipset->mmio_write(cpu.id, at, part, value);
      else cpu.chipset->mmio_read(cpu.id, at, part, value);
      cpu.time.charge(Primitive::kDeviceAccess);
    } else {
      IoReplies& replies = cpu.replies;
      if (replies.used == replies.count) {
        cpu.stop = StopMmio{at, static_cast<uint8_t>(part), write, value};
        return false;
      }
      value = replies.entry[replies.used++].value;
    }
    if (!write) std::memcpy(bytes, &value, part);
  }
  return true;
}

void note_data_breakpoint(Cpu& cpu, uint64_t linear, unsigned size, AccessKind kind) {
  for (unsigned i = 0; i < 4; ++i) {
    if (!(cpu.dr7 >> (2 * i) & 3)) continue;
    const unsigned type = cpu.dr7 >> (16 + 4 * i) & 3;          // [SDM 3B 18.2.4]: 1 write, 3 read or write
    const unsigned length_code = cpu.dr7 >> (18 + 4 * i) & 3;   // 0: 1, 1: 2, 2: 8, 3: 4 bytes
    if (type != 3 && !(type == 1 && kind == AccessKind::kWrite)) continue;
    const uint64_t length = length_code == 2 ? 8 : length_code + 1;
    const uint64_t first = cpu.dr[i] & ~(length - 1);
    if (linear < first + length && first < linear + size) cpu.debug_hits |= static_cast<uint8_t>(1u << i);
  }
}

struct Piece {
  uint8_t* host = nullptr;  // null: MMIO
  GuestPhysical physical;
};

bool locate(Cpu& cpu, uint64_t linear, AccessKind kind, Looker who, Piece& out) {
  const AccessMode mode = who == Looker::kProcessor ? AccessMode::kSupervisorImplicit : cpu.cpl == 3 ? AccessMode::kUser : AccessMode::kSupervisor;
  const Translation t = cpu.mmu.translate(linear, kind, mode);
  cut_if_overdue(cpu);
  if (!t.ok) return t.outcome == WalkOutcome::kPageFault ? cpu.raise_page_fault(linear, t.error_code) : vmx::nested_violation(cpu, linear);
  out.physical = t.physical;
  out.host = cpu.memory.host(t.physical);
  return true;
}

// Stores to pages a monitor traces are told; stores to pages with decoded code: where the bytes are code, the store must be its block's last act.
bool settle_code(Cpu& cpu, uint8_t* host, unsigned size) {
  const uint8_t flags = cpu.memory.page_flags(host);
  if (!(flags & PhysicalMemory::kSlowStores)) return true;
  if ((flags & PhysicalMemory::kTraced) && cpu.store_watcher) cpu.store_watcher->on_traced_store(cpu.memory.address_of(host));
  if (!(flags & PhysicalMemory::kHasCode)) return true;
  if (!cpu.code.would_change_code(host, size)) return true;
  if (!cpu.in_private_block()) {
    cpu.want_single = true;
    return false;
  }
  cpu.code.written(host, size);
  return true;
}

bool transfer(Cpu& cpu, const Piece& piece, void* data, unsigned size, AccessKind kind) {
  if (!piece.host) return mmio(cpu, piece.physical, data, size, kind);
  if (kind == AccessKind::kWrite) {
    if (!settle_code(cpu, piece.host, size)) return false;
    std::memcpy(piece.host, data, size);
  } else {
    std::memcpy(data, piece.host, size);
  }
  return true;
}

// Any access, any alignment: both pages are translated before a byte moves.
bool access(Cpu& cpu, uint64_t linear, void* data, unsigned size, AccessKind kind, Looker who) {
  if (!is_canonical(linear) || !is_canonical(linear + size - 1)) return raise_non_canonical(cpu);
  if (who == Looker::kProgram) {
    const bool aligned = (linear & (std::min(size, 8u) - 1)) == 0;
    if (!aligned && cpu.cpl == 3 && (cpu.cr0 & cr0::kAm) && (cpu.system_flags & rflags::kAc)) return cpu.raise(Vector::kAC, 0);
    if (cpu.dr7 & 0xff) note_data_breakpoint(cpu, linear, size, kind);
  }
  const unsigned head = std::min<uint64_t>(size, kPageSize - (linear & (kPageSize - 1)));
  Piece first, second;
  if (!locate(cpu, linear, kind, who, first)) return false;
  if (head == size) return transfer(cpu, first, data, size, kind);
  // The processor's own tables may lie above 4 GiB while the program is in compatibility mode.
  const bool wide = who == Looker::kProcessor ? cpu.in_long_mode() : cpu.in_64bit_mode();
  const uint64_t rest = wide ? linear + head : static_cast<uint32_t>(linear + head);
  if (!locate(cpu, rest, kind, who, second)) return false;
  if (kind == AccessKind::kWrite && first.host && second.host && !settle_code(cpu, second.host, size - head)) return false;
  return transfer(cpu, first, data, head, kind) && transfer(cpu, second, static_cast<uint8_t*>(data) + head, size - head, kind);
}

uint64_t truncate(uint64_t value, unsigned bytes) {
  return bytes == 8 ? value : bytes == 4 ? static_cast<uint32_t>(value) : static_cast<uint16_t>(value);
}

bool segment_fault(Cpu& cpu, unsigned segment) { return cpu.raise(segment == kSs ? Vector::kSS : Vector::kGP, 0); }

// [SDM 3A 5.3 "Limit Checking"]: expand-down data segments (type bits 3:2 = 01) are valid above the limit.
bool within_limit(const Segment& s, uint64_t offset, unsigned size) {
  const uint64_t last = offset + size - 1;
  const bool expand_down = (s.type() & 0xc) == 0x4;
  if (!expand_down) return last <= s.limit;
  return offset > s.limit && last <= (s.big() ? 0xffffffffull : 0xffffull);
}

bool rights_allow(const Cpu& cpu, const Segment& s, bool write) {
  if (cpu.in_real_mode() || cpu.in_v86_mode()) return true;
  const bool code = s.type() & 8;
  if (write) return !code && (s.type() & 2);
  return !code || (s.type() & 2);
}

}  // namespace

uint64_t effective_offset(const Cpu& cpu, const Uop* op) {
  return truncate(flat_address(cpu, op), op->address_size);
}

bool linear_address(Cpu& cpu, const Uop* op, unsigned segment, uint64_t offset, unsigned size, bool write, uint64_t& linear) {
  const Segment& s = cpu.segment[segment];
  if (op->code_size == 64) {
    linear = segment == kFs || segment == kGs ? s.base + offset : offset;
    return true;  // canonical form is checked where the access is made
  }
  if (!s.usable() || !rights_allow(cpu, s, write) || !within_limit(s, offset, size)) return segment_fault(cpu, segment);
  linear = static_cast<uint32_t>(s.base + offset);
  return true;
}

bool load_slow(Cpu& cpu, uint64_t linear, void* out, unsigned size) {
  return access(cpu, linear, out, size, AccessKind::kRead, Looker::kProgram);
}

bool store_slow(Cpu& cpu, uint64_t linear, const void* value, unsigned size) {
  uint8_t copy[16];
  std::memcpy(copy, value, size);
  return access(cpu, linear, copy, size, AccessKind::kWrite, Looker::kProgram);
}

bool probe_write(Cpu& cpu, uint64_t linear, unsigned size) {
  if (!is_canonical(linear) || !is_canonical(linear + size - 1)) return raise_non_canonical(cpu);
  Piece piece;
  if (!locate(cpu, linear, AccessKind::kWrite, Looker::kProgram, piece)) return false;
  if (piece.host && !settle_code(cpu, piece.host, std::min<uint64_t>(size, kPageSize - (linear & (kPageSize - 1))))) return false;
  const uint64_t last = linear + size - 1;
  if ((last ^ linear) & ~uint64_t{kPageSize - 1}) {
    if (!locate(cpu, last & ~uint64_t{kPageSize - 1}, AccessKind::kWrite, Looker::kProgram, piece)) return false;
    if (piece.host && !settle_code(cpu, piece.host, (last & (kPageSize - 1)) + 1)) return false;
  }
  return true;
}

bool load_system(Cpu& cpu, uint64_t linear, void* out, unsigned size) {
  return access(cpu, linear, out, size, AccessKind::kRead, Looker::kProcessor);
}

bool store_system(Cpu& cpu, uint64_t linear, const void* value, unsigned size) {
  uint8_t copy[16];
  std::memcpy(copy, value, size);
  return access(cpu, linear, copy, size, AccessKind::kWrite, Looker::kProcessor);
}

namespace {

// Linear address of a stack slot; faults of the stack are #SS.
bool stack_address(Cpu& cpu, const Uop* op, uint64_t offset, unsigned size, bool write, uint64_t& linear) {
  if (op->code_size == 64) {
    linear = offset;
    return is_canonical(linear) && is_canonical(linear + size - 1) ? true : cpu.raise(Vector::kSS, 0);
  }
  return linear_address(cpu, op, kSs, offset, size, write, linear);
}

void set_stack_pointer(Cpu& cpu, const Uop* op, uint64_t value) {
  if (op->stack_size == 8) cpu.gpr[kRsp] = value;
  else if (op->stack_size == 4) cpu.gpr[kRsp] = static_cast<uint32_t>(value);
  else set_reg<uint16_t>(cpu, kRsp, static_cast<uint16_t>(value));
}

}  // namespace

bool push(Cpu& cpu, const Uop* op, uint64_t value, unsigned size) {
  const uint64_t top = truncate(cpu.gpr[kRsp] - size, op->stack_size);
  uint64_t linear;
  if (!stack_address(cpu, op, top, size, true, linear)) return false;
  const bool stored = size == 8   ? store_linear<uint64_t>(cpu, linear, value)
                      : size == 4 ? store_linear<uint32_t>(cpu, linear, static_cast<uint32_t>(value))
                                  : store_linear<uint16_t>(cpu, linear, static_cast<uint16_t>(value));
  if (!stored) return false;
  set_stack_pointer(cpu, op, top);
  return true;
}

bool pop(Cpu& cpu, const Uop* op, uint64_t& value, unsigned size) {
  const uint64_t top = truncate(cpu.gpr[kRsp], op->stack_size);
  uint64_t linear;
  if (!stack_address(cpu, op, top, size, false, linear)) return false;
  uint16_t v16;
  uint32_t v32;
  if (size == 8) {
    if (!load_linear(cpu, linear, value)) return false;
  } else if (size == 4) {
    if (!load_linear(cpu, linear, v32)) return false;
    value = v32;
  } else {
    if (!load_linear(cpu, linear, v16)) return false;
    value = v16;
  }
  set_stack_pointer(cpu, op, truncate(top + size, op->stack_size));
  return true;
}

// Ports: controllers inside the machine answer at once; everything else stops the machine and finds its reply when it runs again.
bool port_in(Cpu& cpu, uint16_t port, unsigned size, uint32_t& value) {
  if (!cpu.in_private_block()) {
    cpu.want_single = true;
    return false;
  }
  if (cpu.chipset && cpu.chipset->port_read(port, size, value)) return cpu.time.charge(Primitive::kDeviceAccess), true;
  if (cpu.replies.used == cpu.replies.count) {
    cpu.stop = StopPort{port, static_cast<uint8_t>(size), false, 0};
    return false;
  }
  value = static_cast<uint32_t>(cpu.replies.entry[cpu.replies.used++].value);
  return true;
}

bool port_out(Cpu& cpu, uint16_t port, unsigned size, uint32_t value) {
  if (!cpu.in_private_block()) {
    cpu.want_single = true;
    return false;
  }
  if (cpu.chipset && cpu.chipset->port_write(port, size, value)) return cpu.time.charge(Primitive::kDeviceAccess), true;
  if (cpu.replies.used == cpu.replies.count) {
    cpu.stop = StopPort{port, static_cast<uint8_t>(size), true, value};
    return false;
  }
  ++cpu.replies.used;
  return true;
}

}  // namespace ringside::hw
