// The extended state as a whole: FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, EMMS.
#include <algorithm>
#include <array>
#include <span>

#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_mxcsr.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw {
namespace {

// The FXSAVE area [SDM 1 10.5.1 table 10-2]: FCW 0, FSW 2, abridged tags 4, FOP 6, FIP 8 (8 bytes, or 4 and FCS), FDP 16 (8 bytes,
// or 4 and FDS), MXCSR 24, MXCSR_MASK 28, ST0..ST7 at 32 and XMM0..XMM15 at 160, 16 bytes each. Bytes 416 on are not written.
constexpr unsigned kAreaBytes = 512, kWrittenBytes = 416, kRegisters = 32, kVectors = 160;
using Area = std::array<uint8_t, kAreaBytes>;

template <class T>
void put(Area& area, unsigned at, T value) { std::memcpy(area.data() + at, &value, sizeof value); }
template <class T>
T get(const Area& area, unsigned at) {
  T value;
  std::memcpy(&value, area.data() + at, sizeof value);
  return value;
}

enum class PointerFormat { kSelectors, k64Bit };
unsigned vectors(const Uop* op) { return op->code_size == 64 ? 16 : 8; }
// MODEL: without CR4.OSFXSR the vectors and MXCSR are neither saved nor restored (the manual leaves it to the implementation).
bool with_vectors(const Cpu& cpu) { return cpu.cr4 & cr4::kOsfxsr; }

template <PointerFormat format>
Area make_area(const Cpu& cpu, const Uop* op) {
  Area area{};
  const FpuState& f = cpu.fpu;
  put(area, 0, f.control);
  put(area, 2, f.status);
  put(area, 4, static_cast<uint8_t>(~f.empty));
  put(area, 6, f.last_opcode);
  if (format == PointerFormat::k64Bit) {
    put(area, 8, f.last_ip);
    put(area, 16, f.last_dp);
  } else {
    put(area, 8, static_cast<uint32_t>(f.last_ip));
    put(area, 12, f.last_cs);
    put(area, 16, static_cast<uint32_t>(f.last_dp));
    put(area, 20, f.last_ds);
  }
  for (unsigned i = 0; i < 8; ++i) {
    const X87Register& r = f.st[x87::physical(f, i)];
    put(area, kRegisters + 16 * i, r.mantissa);
    put(area, kRegisters + 16 * i + 8, r.sign_exponent);
  }
  put(area, 24, cpu.mxcsr);
  put(area, 28, mxcsr::kWritable);
  for (unsigned i = 0; i < vectors(op); ++i) {
    put(area, kVectors + 16 * i, cpu.xmm[i].lo);
    put(area, kVectors + 16 * i + 8, cpu.xmm[i].hi);
  }
  return area;
}

// #GP(0) for a misaligned area; one that is not canonical either raises what its segment asks for, unlike aligned vector operands.
bool refuse_misaligned(Cpu& cpu, uint64_t linear) {
  cpu.raise(Vector::kGP, 0);
  cpu.pending.non_canonical = static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) != linear;
  return false;
}

// MODEL: EM and TS are looked at before the alignment, as for every FPU instruction.
bool area_address(Cpu& cpu, const Uop* op, bool write, uint64_t& linear) {
  if (!allow_x87_no_wait(cpu) || !operand_address(cpu, op, kAreaBytes, write, linear)) return false;
  return linear & 15 ? refuse_misaligned(cpu, linear) : true;
}

template <PointerFormat format>
bool fxsave(Cpu& cpu, const Uop* op) {
  uint64_t linear;
  if (!area_address(cpu, op, true, linear)) return false;
  // The area touches at most two pages: with both ends writable nothing below can fault halfway.
  if (!probe_write(cpu, linear, 16) || !probe_write(cpu, linear + kAreaBytes - 16, 16)) return false;
  const Area area = make_area<format>(cpu, op);
  const unsigned bytes = !with_vectors(cpu) ? kVectors : op->code_size == 64 ? kWrittenBytes : kVectors + 8 * 16;
  for (unsigned at = 0; at < bytes; at += 8) {
    if (at == 24 && !with_vectors(cpu)) continue;
    if (!store_linear(cpu, linear + at, get<uint64_t>(area, at))) return false;
  }
  return true;
}

template <PointerFormat format>
bool fxrstor(Cpu& cpu, const Uop* op) {
  uint64_t linear;
  if (!area_address(cpu, op, false, linear)) return false;
  Area area;
  for (unsigned at = 0; at < kAreaBytes; at += 8) {
    uint64_t value;
    if (!load_linear(cpu, linear + at, value)) return false;
    put(area, at, value);
  }
  const uint32_t new_mxcsr = get<uint32_t>(area, 24);
  if (with_vectors(cpu) && (new_mxcsr & ~mxcsr::kWritable)) return cpu.raise(Vector::kGP, 0);
  FpuState& f = cpu.fpu;
  f.control = x87::fixed_control(get<uint16_t>(area, 0));
  f.status = get<uint16_t>(area, 2);
  x87::update_summary(f);
  f.empty = static_cast<uint8_t>(~get<uint8_t>(area, 4));
  f.last_opcode = get<uint16_t>(area, 6) & 0x7ff;
  if (format == PointerFormat::k64Bit) {
    f.last_ip = get<uint64_t>(area, 8);
    f.last_dp = get<uint64_t>(area, 16);
    f.last_cs = f.last_ds = 0;
  } else {
    f.last_ip = get<uint32_t>(area, 8);
    f.last_cs = get<uint16_t>(area, 12);
    f.last_dp = get<uint32_t>(area, 16);
    f.last_ds = get<uint16_t>(area, 20);
  }
  for (unsigned i = 0; i < 8; ++i) {
    f.st[x87::physical(f, i)] = {get<uint64_t>(area, kRegisters + 16 * i), get<uint16_t>(area, kRegisters + 16 * i + 8)};
  }
  if (!with_vectors(cpu)) return true;
  cpu.mxcsr = new_mxcsr;
  for (unsigned i = 0; i < vectors(op); ++i) cpu.xmm[i] = {get<uint64_t>(area, kVectors + 16 * i), get<uint64_t>(area, kVectors + 16 * i + 8)};
  return true;
}

bool ldmxcsr(Cpu& cpu, const Uop* op) {
  uint32_t value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  if (value & ~mxcsr::kWritable) return cpu.raise(Vector::kGP, 0);
  cpu.mxcsr = value;
  return true;
}
bool stmxcsr(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && store(cpu, op, cpu.mxcsr); }

bool emms(Cpu& cpu, const Uop*) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  cpu.fpu.empty = 0xff;
  return true;
}

template <Execute execute>
bool bind_plain(const Decoded&, Uop& u) {
  u.fn = handler<execute>;
  return true;
}
constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_FXSAVE, "SDM 2A 3.2 FXSAVE", bind_plain<fxsave<PointerFormat::kSelectors>>, CostClass::kX87Slow),
    simd_row(ZYDIS_MNEMONIC_FXSAVE64, "SDM 2A 3.2 FXSAVE", bind_plain<fxsave<PointerFormat::k64Bit>>, CostClass::kX87Slow),
    simd_row(ZYDIS_MNEMONIC_FXRSTOR, "SDM 2A 3.2 FXRSTOR", bind_plain<fxrstor<PointerFormat::kSelectors>>, CostClass::kX87Slow),
    simd_row(ZYDIS_MNEMONIC_FXRSTOR64, "SDM 2A 3.2 FXRSTOR", bind_plain<fxrstor<PointerFormat::k64Bit>>, CostClass::kX87Slow),
    simd_row(ZYDIS_MNEMONIC_LDMXCSR, "SDM 2A 3.2 LDMXCSR", bind_plain<ldmxcsr>),
    simd_row(ZYDIS_MNEMONIC_STMXCSR, "SDM 2B 4.3 STMXCSR", bind_plain<stmxcsr>),
    simd_row(ZYDIS_MNEMONIC_EMMS, "SDM 2A 3.2 EMMS", bind_plain<emms>),
};

}  // namespace

std::span<const InstructionInfo> fpu_state_rows() { return kRows; }

}  // namespace ringside::hw
