#include "hwmodel/exec/system_registers.h"

#include "hwmodel/exec/deliver.h"
#include "hwmodel/machine/observer.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/chipset.h"

namespace ringside::hw {
namespace {

constexpr uint64_t kCr0Writable = cr0::kPe | cr0::kMp | cr0::kEm | cr0::kTs | cr0::kNe | cr0::kWp | cr0::kAm | cr0::kNw | cr0::kCd | cr0::kPg;
constexpr uint64_t kCr3NoFlush = 1ull << 63;
constexpr uint64_t kEferWritable = efer::kSce | efer::kLme | efer::kNxe;

bool refuse(Cpu& cpu) { return cpu.raise(Vector::kGP, 0); }

void flushed(Cpu& cpu, FlushCause cause) {
  cpu.time.charge(Primitive::kTlbFlush);
  if (cpu.observer) cpu.observer->on_tlb_flush(cause, 0);
}

// [SDM 3A 4.4.1 "PDPTE Registers"]: the four entries are read and checked whenever PAE paging begins or its root changes.
// MODEL: only checked; the walker reads them from memory again.
bool check_pdptes(Cpu& cpu, uint64_t root) {
  constexpr uint64_t kPresent = 1;
  constexpr uint64_t kReserved = bit_range(63, kPhysicalAddressBits) | bit_range(8, 5) | bit_range(2, 1);
  for (unsigned i = 0; i < 4; ++i) {
    uint64_t entry;
    cpu.memory.read(GuestPhysical((root & 0xffffffe0) + i * 8), entry);
    if ((entry & kPresent) && (entry & kReserved)) return refuse(cpu);
  }
  return true;
}

bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer) { return (cr0 & cr0::kPg) && (cr4 & cr4::kPae) && !(efer & efer::kLma); }

// Entering and leaving IA-32e mode goes with CR0.PG [SDM 3A 9.8.5 "Initializing IA-32e Mode"].
bool paging_switch_allowed(const Cpu& cpu, uint64_t value) {
  const bool was = cpu.cr0 & cr0::kPg, will = value & cr0::kPg;
  if (!was && will && (cpu.efer & efer::kLme)) {
    const bool task16 = cpu.tr.usable() && !(cpu.tr.type() & 8);
    return (cpu.cr4 & cr4::kPae) && !cpu.segment[kCs].long_code() && !task16;
  }
  if (was && !will) return !cpu.in_64bit_mode() && !(cpu.cr4 & cr4::kPcide);
  return true;
}

}  // namespace

bool write_cr0(Cpu& cpu, uint64_t value) {
  if (value >> 32) return refuse(cpu);
  if ((value & cr0::kPg) && !(value & cr0::kPe)) return refuse(cpu);
  if ((value & cr0::kNw) && !(value & cr0::kCd)) return refuse(cpu);
  if (!paging_switch_allowed(cpu, value)) return refuse(cpu);
  value = (value & kCr0Writable) | cr0::kEt;
  const uint64_t changed = value ^ cpu.cr0;
  uint64_t new_efer = cpu.efer & ~efer::kLma;
  if ((value & cr0::kPg) && (cpu.efer & efer::kLme)) new_efer |= efer::kLma;
  // CR0.CD and CR0.NW too reload the PDPTEs; they are rarely written and change nothing else here.
  const bool reload = changed & (cr0::kPg | cr0::kCd | cr0::kNw);
  if (reload && pae_paging(value, cpu.cr4, new_efer) && !check_pdptes(cpu, cpu.cr3)) return false;
  cpu.cr0 = value;
  cpu.efer = new_efer;
  cpu.mode_changed();
  if (changed & cr0::kPg) {
    cpu.mmu.flush_all();
    flushed(cpu, FlushCause::kCr0Write);
  }
  return true;
}

bool write_cr3(Cpu& cpu, uint64_t value) {
  const bool tagged = cpu.cr4 & cr4::kPcide;
  const bool keep = tagged && (value & kCr3NoFlush);
  if (tagged) value &= ~kCr3NoFlush;
  if (value & bit_range(63, kPhysicalAddressBits)) return refuse(cpu);
  if (pae_paging(cpu.cr0, cpu.cr4, cpu.efer) && !check_pdptes(cpu, value)) return false;
  const uint64_t old = cpu.cr3;
  cpu.cr3 = value;
  cpu.mode_changed();
  if (cpu.observer && old != value) cpu.observer->on_page_table_root(old, value);
  if (keep) return true;
  cpu.mmu.flush_non_global();
  flushed(cpu, FlushCause::kCr3Load);
  return true;
}

bool write_cr4(Cpu& cpu, uint64_t value) {
  if (value & ~kCr4Writable) return refuse(cpu);
  const uint64_t set = value & ~cpu.cr4, cleared = cpu.cr4 & ~value, changed = set | cleared;
  if (cpu.in_long_mode() && (cleared & cr4::kPae)) return refuse(cpu);
  if ((set & cr4::kPcide) && (!cpu.in_long_mode() || (cpu.cr3 & 0xfff))) return refuse(cpu);
  constexpr uint64_t kReloads = cr4::kPae | cr4::kPse | cr4::kPge | cr4::kSmep;
  if ((changed & kReloads) && pae_paging(cpu.cr0, value, cpu.efer) && !check_pdptes(cpu, cpu.cr3)) return false;
  cpu.cr4 = value;
  cpu.mode_changed();
  // [SDM 3A 4.10.4.1]. Changing PSE flushes by custom: processors have always done it and old kernels rely on it.
  if ((changed & (cr4::kPge | cr4::kPse | cr4::kPae)) || (cleared & cr4::kPcide) || (set & cr4::kSmep)) {
    cpu.mmu.flush_all();
    flushed(cpu, FlushCause::kCr4Write);
  }
  return true;
}

bool write_cr8(Cpu& cpu, uint64_t value) {
  if (value & ~uint64_t{15}) return refuse(cpu);
  cpu.cr8 = value;
  if (cpu.chipset) cpu.chipset->set_task_priority(cpu.id, static_cast<uint8_t>(value));
  cpu.attention = true;   // a lower priority may let an interrupt through
  return true;
}

uint64_t read_cr8(const Cpu& cpu) { return cpu.chipset ? cpu.chipset->task_priority(cpu.id) : cpu.cr8; }

bool write_efer(Cpu& cpu, uint64_t value) {
  if (value & ~(kEferWritable | efer::kLma)) return refuse(cpu);   // LMA is read-only: writes to it are ignored
  const uint64_t changed = (value ^ cpu.efer) & kEferWritable;
  if ((changed & efer::kLme) && (cpu.cr0 & cr0::kPg)) return refuse(cpu);
  cpu.efer = (value & kEferWritable) | (cpu.efer & efer::kLma);
  cpu.mode_changed();
  if (changed & efer::kNxe) {
    cpu.mmu.flush_all();
    flushed(cpu, FlushCause::kEferWrite);
  }
  return true;
}

// --- debug registers -----------------------------------------------------------------------------------------------------

namespace {

bool select_debug_register(Cpu& cpu, unsigned& number) {
  if (number == 4 || number == 5) {
    if (cpu.cr4 & cr4::kDe) return cpu.raise(Vector::kUD);
    number += 2;
  }
  if (cpu.dr7 & dr7::kGd) return raise_debug(cpu, dr6::kBd);
  return true;
}

}  // namespace

bool read_debug_register(Cpu& cpu, unsigned number, uint64_t& value) {
  if (!select_debug_register(cpu, number)) return false;
  value = number < 4 ? cpu.dr[number] : number == 6 ? cpu.dr6 : cpu.dr7;
  return true;
}

bool write_debug_register(Cpu& cpu, unsigned number, uint64_t value) {
  if (!select_debug_register(cpu, number)) return false;
  if (number < 4) {
    if (!cpu.in_64bit_mode()) value = static_cast<uint32_t>(value);
    cpu.dr[number] = value;
  } else {
    if (value >> 32) return refuse(cpu);
    constexpr uint64_t kDr6Writable = dr6::kBreakpoints | dr6::kBd | dr6::kBs | dr6::kBt;
    constexpr uint64_t kDr7Writable = 0xffff03ff | dr7::kGd;
    if (number == 6) cpu.dr6 = (value & kDr6Writable) | dr6::kFixed;
    else cpu.dr7 = (value & kDr7Writable) | dr7::kFixed;
  }
  cpu.mode_changed();
  cpu.mmu.drop_fast();
  return true;
}

}  // namespace ringside::hw
