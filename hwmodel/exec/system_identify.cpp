// CPUID, RDMSR WRMSR, RDTSC RDTSCP RDPMC RDPID, RDRAND RDSEED: what the processor says about itself, its time and its randomness.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/cpuid.h"
#include "hwmodel/exec/integer_flags.h"
#include "hwmodel/exec/msr.h"
#include "hwmodel/exec/system.h"

namespace ringside::hw {
namespace {

void set_pair(Cpu& cpu, uint64_t value) {
  cpu.gpr[kRax] = static_cast<uint32_t>(value);
  cpu.gpr[kRdx] = value >> 32;
}

const Uop* cpuid_handler(Cpu& cpu, const Uop* op) {
  const CpuidResult r = cpuid(cpu, static_cast<uint32_t>(cpu.gpr[kRax]), static_cast<uint32_t>(cpu.gpr[kRcx]));
  cpu.gpr[kRax] = r.eax;
  cpu.gpr[kRbx] = r.ebx;
  cpu.gpr[kRcx] = r.ecx;
  cpu.gpr[kRdx] = r.edx;
  return next(cpu, op);
}

const Uop* rdmsr(Cpu& cpu, const Uop* op) {
  uint64_t value;
  if (!read_msr(cpu, op, static_cast<uint32_t>(cpu.gpr[kRcx]), value)) return raise(cpu, op, Vector::kGP, 0);
  set_pair(cpu, value);
  return leave_next(cpu, op);
}
// Ends the block: mode, time of the next timer event or the APIC may have changed.
const Uop* wrmsr(Cpu& cpu, const Uop* op) {
  const uint64_t value = static_cast<uint32_t>(cpu.gpr[kRax]) | cpu.gpr[kRdx] << 32;
  if (!write_msr(cpu, op, static_cast<uint32_t>(cpu.gpr[kRcx]), value)) return raise(cpu, op, Vector::kGP, 0);
  return leave_next(cpu, op);
}

bool tsc_forbidden(const Cpu& cpu) { return (cpu.cr4 & cr4::kTsd) && cpu.cpl != 0; }

const Uop* rdtsc(Cpu& cpu, const Uop* op) {
  if (tsc_forbidden(cpu)) return raise(cpu, op, Vector::kGP, 0);
  set_pair(cpu, read_tsc(cpu, op));
  return next(cpu, op);
}
const Uop* rdtscp(Cpu& cpu, const Uop* op) {
  if (tsc_forbidden(cpu)) return raise(cpu, op, Vector::kGP, 0);
  set_pair(cpu, read_tsc(cpu, op));
  cpu.gpr[kRcx] = static_cast<uint32_t>(cpu.msr.tsc_aux);
  return next(cpu, op);
}
const Uop* rdpid(Cpu& cpu, const Uop* op) {
  cpu.gpr[op->dst] = static_cast<uint32_t>(cpu.msr.tsc_aux);
  return next(cpu, op);
}
bool bind_rdpid(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, rdpid);
}

// No performance counters exist, so every index is invalid.
const Uop* rdpmc(Cpu& cpu, const Uop* op) { return raise(cpu, op, Vector::kGP, 0); }

// splitmix64: every state is followed by a different one, and the run's seed fixes the sequence.
uint64_t next_random(Cpu& cpu) {
  uint64_t z = cpu.random_state += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}
// CF set: a value was available, always. The other arithmetic flags are cleared.
struct Random {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, static_cast<T>(next_random(cpu)));
    cpu.arithmetic.unpack(rflags::kCf);
    return next(cpu, op);
  }
};
bool bind_random(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_size<Random>(d.size(0)));
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kCpl0 = Privilege::kCpl0;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kSystem = CostClass::kSystem;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_CPUID, kNone, kYes, CostClass::kSerialize, false, "SDM 2A 3.2 CPUID", bind_handler<cpuid_handler>},
    {ZYDIS_MNEMONIC_RDMSR, kCpl0, kYes, kSystem, true, "SDM 2B 4.3 RDMSR", bind_handler<at_cpl0<rdmsr>>},
    {ZYDIS_MNEMONIC_WRMSR, kCpl0, kYes, CostClass::kSerialize, true, "SDM 2D 6.1 WRMSR", bind_handler<at_cpl0<wrmsr>>},
    {ZYDIS_MNEMONIC_RDTSC, Privilege::kTsd, kYes, kSystem, false, "SDM 2B 4.3 RDTSC", bind_handler<rdtsc>},
    {ZYDIS_MNEMONIC_RDTSCP, Privilege::kTsd, kYes, kSystem, false, "SDM 2B 4.3 RDTSCP", bind_handler<rdtscp>},
    {ZYDIS_MNEMONIC_RDPID, kNone, kYes, kSystem, false, "SDM 2B 4.3 RDPID", bind_rdpid},
    {ZYDIS_MNEMONIC_RDPMC, Privilege::kPce, kYes, kSystem, false, "SDM 2B 4.3 RDPMC", bind_handler<rdpmc>},
    {ZYDIS_MNEMONIC_RDRAND, kNone, Sensitive::kNo, kSystem, false, "SDM 2B 4.3 RDRAND", bind_random},
    {ZYDIS_MNEMONIC_RDSEED, kNone, Sensitive::kNo, kSystem, false, "SDM 2B 4.3 RDSEED", bind_random},
};

}  // namespace

std::span<const InstructionInfo> identification_rows() { return kRows; }

}  // namespace ringside::hw
