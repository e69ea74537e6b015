// HLT, cache control, TLB invalidation [SDM 3A 2.8].
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/system.h"
#include "hwmodel/machine/observer.h"

namespace ringside::hw {
namespace {

// The loop sees cpu.halted between blocks; an interrupt or debug trap delivered later clears it.
const Uop* hlt(Cpu& cpu, const Uop* op) {
  cpu.halted = true;
  if (cpu.observer) cpu.observer->on_halt();
  return leave_next(cpu, op);
}

// Caches are not modelled, so there is nothing to write back.
const Uop* no_cache(Cpu& cpu, const Uop* op) { return next(cpu, op); }

// The operand is an address, never an access: limits and rights of the segment do not matter, a non-canonical one does nothing.
const Uop* invlpg(Cpu& cpu, const Uop* op) {
  uint64_t linear = effective_offset(cpu, op);
  if (op->code_size != 64) linear = static_cast<uint32_t>(cpu.segment[op->segment].base + linear);
  else if (op->segment == kFs || op->segment == kGs) linear += cpu.segment[op->segment].base;
  if (canonical(linear)) {
    cpu.mmu.flush_page(linear);
    cpu.time.charge(Primitive::kTlbFlush);
    if (cpu.observer) cpu.observer->on_tlb_flush(FlushCause::kInvlpg, linear);
  }
  return leave_next(cpu, op);
}

// --- INVPCID [SDM 2A 3.2 INVPCID]: descriptor 127..64 linear address | 63..12 reserved | 11..0 PCID -----------------------------------

enum class Invpcid : uint64_t { kAddress = 0, kContext = 1, kAllAndGlobal = 2, kAll = 3 };

bool invalidate(Cpu& cpu, uint64_t type, U128 d) {
  const auto pcid = static_cast<uint16_t>(d.lo & 0xfff);
  if (type > static_cast<uint64_t>(Invpcid::kAll)) return false;
  const auto kind = static_cast<Invpcid>(type);
  const bool uses_pcid = kind == Invpcid::kAddress || kind == Invpcid::kContext;
  if ((d.lo >> 12) || (uses_pcid && pcid != 0 && !(cpu.cr4 & cr4::kPcide))) return false;
  if (kind == Invpcid::kAddress && !canonical(d.hi)) return false;
  switch (kind) {
    case Invpcid::kAddress: cpu.mmu.flush_page(d.hi, pcid); break;
    case Invpcid::kContext: cpu.mmu.flush_pcid(pcid, true); break;
    case Invpcid::kAllAndGlobal: cpu.mmu.flush_all(); break;
    case Invpcid::kAll: cpu.mmu.flush_all_pcids_non_global(); break;
  }
  cpu.time.charge(Primitive::kTlbFlush);
  if (cpu.observer) cpu.observer->on_tlb_flush(FlushCause::kInvpcid, kind == Invpcid::kAddress ? d.hi : 0);
  return true;
}

const Uop* invpcid(Cpu& cpu, const Uop* op) {
  if (segmented_by_paragraph(cpu) && cpu.cpl != 0) return raise(cpu, op, Vector::kUD);   // virtual-8086 mode
  if (cpu.cpl != 0) return raise(cpu, op, Vector::kGP, 0);
  uint64_t linear;
  U128 descriptor;
  if (!operand_address(cpu, op, 16, false, linear) || !load_slow(cpu, linear, &descriptor, 16)) return fault(cpu, op);
  const uint64_t type = op->code_size == 64 ? cpu.gpr[op->dst] : static_cast<uint32_t>(cpu.gpr[op->dst]);
  return invalidate(cpu, type, descriptor) ? leave_next(cpu, op) : raise(cpu, op, Vector::kGP, 0);
}
bool bind_invpcid(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, invpcid);
}

constexpr auto kCpl0 = Privilege::kCpl0;
constexpr auto kYes = Sensitive::kYes;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_HLT, kCpl0, kYes, CostClass::kSystem, true, "SDM 2A 3.2 HLT", bind_handler<at_cpl0<hlt>>},
    {ZYDIS_MNEMONIC_WBINVD, kCpl0, kYes, CostClass::kSerialize, false, "SDM 2D 6.1 WBINVD", bind_handler<at_cpl0<no_cache>>},
    {ZYDIS_MNEMONIC_INVD, kCpl0, kYes, CostClass::kSerialize, false, "SDM 2A 3.2 INVD", bind_handler<at_cpl0<no_cache>>},
    {ZYDIS_MNEMONIC_INVLPG, kCpl0, kYes, CostClass::kSerialize, true, "SDM 2A 3.2 INVLPG", bind_handler<at_cpl0<invlpg>>},
    {ZYDIS_MNEMONIC_INVPCID, kCpl0, kYes, CostClass::kSerialize, true, "SDM 2A 3.2 INVPCID", bind_invpcid},
};

}  // namespace

std::span<const InstructionInfo> processor_control_rows() { return kRows; }

}  // namespace ringside::hw
