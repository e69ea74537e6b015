#include "tests/unicorn/generator.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "hwmodel/isa/decoder.h"
#include "hwmodel/isa/instruction_table.h"
#include "hwmodel/machine/cpu_state.h"
#include "tests/unicorn/environment.h"

namespace ringside::differential {
namespace {

using hw::Decoded;

// Instructions this test leaves to others: ports, time, identification, entries into the system, and what would change the
// ground both machines stand on; and extensions that neither announces.
constexpr ZydisMnemonic kExcluded[] = {
    ZYDIS_MNEMONIC_IN, ZYDIS_MNEMONIC_OUT, ZYDIS_MNEMONIC_INSB, ZYDIS_MNEMONIC_INSW, ZYDIS_MNEMONIC_INSD, ZYDIS_MNEMONIC_OUTSB,
    ZYDIS_MNEMONIC_OUTSW, ZYDIS_MNEMONIC_OUTSD, ZYDIS_MNEMONIC_HLT, ZYDIS_MNEMONIC_INT, ZYDIS_MNEMONIC_INT1, ZYDIS_MNEMONIC_INT3,
    ZYDIS_MNEMONIC_INTO, ZYDIS_MNEMONIC_RDTSC, ZYDIS_MNEMONIC_RDTSCP, ZYDIS_MNEMONIC_RDPMC, ZYDIS_MNEMONIC_RDRAND,
    ZYDIS_MNEMONIC_RDSEED, ZYDIS_MNEMONIC_RDPID, ZYDIS_MNEMONIC_CPUID, ZYDIS_MNEMONIC_RDMSR, ZYDIS_MNEMONIC_WRMSR,
    ZYDIS_MNEMONIC_SYSCALL, ZYDIS_MNEMONIC_SYSRET, ZYDIS_MNEMONIC_SYSENTER, ZYDIS_MNEMONIC_SYSEXIT, ZYDIS_MNEMONIC_LGDT,
    ZYDIS_MNEMONIC_LIDT, ZYDIS_MNEMONIC_LLDT, ZYDIS_MNEMONIC_LTR, ZYDIS_MNEMONIC_XGETBV, ZYDIS_MNEMONIC_XSETBV,
    ZYDIS_MNEMONIC_MONITOR, ZYDIS_MNEMONIC_MWAIT, ZYDIS_MNEMONIC_VMCALL, ZYDIS_MNEMONIC_VMMCALL, ZYDIS_MNEMONIC_SWAPGS,
    ZYDIS_MNEMONIC_RDFSBASE, ZYDIS_MNEMONIC_RDGSBASE, ZYDIS_MNEMONIC_WRFSBASE, ZYDIS_MNEMONIC_WRGSBASE, ZYDIS_MNEMONIC_INVPCID,
    ZYDIS_MNEMONIC_IRET, ZYDIS_MNEMONIC_IRETD, ZYDIS_MNEMONIC_IRETQ, ZYDIS_MNEMONIC_RSM, ZYDIS_MNEMONIC_LMSW, ZYDIS_MNEMONIC_FWAIT,
    ZYDIS_MNEMONIC_EMMS,
    ZYDIS_MNEMONIC_MOVBE, ZYDIS_MNEMONIC_TPAUSE, ZYDIS_MNEMONIC_UMWAIT, ZYDIS_MNEMONIC_UMONITOR, ZYDIS_MNEMONIC_XABORT,
    ZYDIS_MNEMONIC_XBEGIN, ZYDIS_MNEMONIC_XEND, ZYDIS_MNEMONIC_XTEST, ZYDIS_MNEMONIC_SERIALIZE, ZYDIS_MNEMONIC_CLFLUSHOPT, ZYDIS_MNEMONIC_CLWB};

bool is_far(const Decoded& d) { return d.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR; }

bool touches_control_or_debug(const Decoded& d) {
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i) {
    if (!d.is_reg(i)) continue;
    const ZydisRegisterClass c = ZydisRegisterGetClass(d.ops[i].reg.value);
    if (c == ZYDIS_REGCLASS_DEBUG || c == ZYDIS_REGCLASS_TEST) return true;
    if (c == ZYDIS_REGCLASS_CONTROL && !(i == 1 ? d.ops[i].reg.value <= ZYDIS_REGISTER_CR2 : d.ops[i].reg.value == ZYDIS_REGISTER_CR2)) return true;
    if (c >= ZYDIS_REGCLASS_X87 && c <= ZYDIS_REGCLASS_ZMM) return true;
  }
  return false;
}

const ZydisDecodedOperandMem* memory_operand(const Decoded& d) {
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i)
    if (d.is_mem(i) && d.ops[i].mem.type != ZYDIS_MEMOP_TYPE_AGEN) return &d.ops[i].mem;
  return nullptr;
}

unsigned register_id(ZydisRegister reg) { return static_cast<unsigned>(ZydisRegisterGetId(reg)); }
bool is_general(ZydisRegister reg) {
  const ZydisRegisterClass c = ZydisRegisterGetClass(reg);
  return c == ZYDIS_REGCLASS_GPR16 || c == ZYDIS_REGCLASS_GPR32 || c == ZYDIS_REGCLASS_GPR64;
}

bool is_repeated(const Decoded& d) { return d.insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE); }

bool is_bit_test(const Decoded& d) {
  const ZydisMnemonic m = d.insn.mnemonic;
  return m == ZYDIS_MNEMONIC_BT || m == ZYDIS_MNEMONIC_BTS || m == ZYDIS_MNEMONIC_BTR || m == ZYDIS_MNEMONIC_BTC;
}

// Two repeat prefixes: the last counts, but Unicorn mixes them.
bool doubled_prefix(const Decoded& d) {
  unsigned found = 0;
  for (unsigned i = 0; i < d.insn.raw.prefix_count; ++i) found += d.insn.raw.prefixes[i].value == 0xf2 || d.insn.raw.prefixes[i].value == 0xf3;
  return found > 1;
}

bool is_integer(const Decoded& d) {
  switch (d.insn.meta.isa_ext) {
    case ZYDIS_ISA_EXT_SSE: case ZYDIS_ISA_EXT_SSE2: case ZYDIS_ISA_EXT_SSE3: case ZYDIS_ISA_EXT_SSSE3: case ZYDIS_ISA_EXT_SSE4:
    case ZYDIS_ISA_EXT_VTX: case ZYDIS_ISA_EXT_SVM: case ZYDIS_ISA_EXT_SMX: return false;
    case ZYDIS_ISA_EXT_MMX: case ZYDIS_ISA_EXT_X87: case ZYDIS_ISA_EXT_XSAVE: case ZYDIS_ISA_EXT_XSAVEOPT: case ZYDIS_ISA_EXT_AES:
      return d.insn.mnemonic == ZYDIS_MNEMONIC_POPCNT || d.insn.mnemonic == ZYDIS_MNEMONIC_CRC32;
    default: return true;
  }
}

bool same_register(ZydisRegister a, ZydisRegister b) { return is_general(a) && is_general(b) && register_id(a) == register_id(b); }

// Memory operands that cannot be aimed: a bit offset that is its own base, and a stack pointer far from the stack (an exception could
// not be delivered then).
bool hard_to_aim(const Decoded& d) {
  const auto* mem = memory_operand(d);
  if (!mem) return false;
  if (is_bit_test(d) && d.is_reg(1) && (same_register(d.ops[1].reg.value, mem->base) || same_register(d.ops[1].reg.value, mem->index))) return true;
  return is_general(mem->base) && register_id(mem->base) == hw::kRsp;
}

// Results the manual leaves undefined, so that there is nothing to compare [SDM 2A "BSWAP", 2B "SHLD"].
bool undefined_result(const Decoded& d) {
  const bool word = d.insn.operand_width == 16;
  return word && (d.insn.mnemonic == ZYDIS_MNEMONIC_BSWAP || d.insn.mnemonic == ZYDIS_MNEMONIC_SHLD || d.insn.mnemonic == ZYDIS_MNEMONIC_SHRD);
}

uint64_t truncate(uint64_t value, unsigned bits) { return bits == 64 ? value : value & ((uint64_t{1} << bits) - 1); }

uint32_t base_of(Mode mode, ZydisRegister segment) {
  if (mode == Mode::kLong64 && segment != ZYDIS_REGISTER_FS && segment != ZYDIS_REGISTER_GS) return 0;
  const int id = ZydisRegisterGetId(segment);
  return id >= 0 && id < 6 ? kSegmentBase[static_cast<unsigned>(id)] : 0;
}

}  // namespace

bool comparable(const Decoded& d, Mode mode) {
  if (std::find(std::begin(kExcluded), std::end(kExcluded), d.insn.mnemonic) != std::end(kExcluded)) return false;
  if (hw::instruction_rows(d.insn.mnemonic).empty() || touches_control_or_debug(d)) return false;
  if (d.insn.meta.category == ZYDIS_CATEGORY_X87_ALU || d.insn.meta.isa_set == ZYDIS_ISA_SET_X87) return false;
  if (hard_to_aim(d) || undefined_result(d) || doubled_prefix(d) || !is_integer(d)) return false;
  if (is_far(d) && mode != Mode::kReal16) return false;
  return d.insn.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
}

uint64_t Generator::random() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// Mostly values at which something happens: small numbers, sign bits, all ones.
uint64_t Generator::value() {
  switch (below(6)) {
    case 0: return below(40);
    case 1: return ~below(40);
    case 2: { const uint64_t edge = uint64_t{1} << (8u << below(4)) % 64; return edge + below(3) - 1; }
    case 3: { const uint64_t edge = uint64_t{0x80} << (8 * below(8)); return edge + below(3) - 1; }
    default: return random();
  }
}

// Prefixes, opcode map, opcode, then noise for ModRM, displacement and immediate.
void Generator::encode(Mode mode, uint8_t* bytes) {
  const uint8_t* end = bytes + 15;
  constexpr uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
  if (chance(25)) *bytes++ = 0x66;
  if (chance(20)) *bytes++ = 0x67;
  if (chance(10)) *bytes++ = segments[below(6)];
  if (chance(6)) *bytes++ = 0xf0;
  if (chance(15)) *bytes++ = chance(50) ? 0xf2 : 0xf3;
  if (mode == Mode::kLong64 && chance(50)) *bytes++ = static_cast<uint8_t>(0x40 | below(16));
  if (chance(40)) {
    *bytes++ = 0x0f;
    if (chance(5)) *bytes++ = 0x38;
  }
  while (bytes < end) *bytes++ = static_cast<uint8_t>(random());
}

// Chooses registers (or patches an absolute displacement) so that the operand lies in the middle of the window.
uint64_t Generator::aim_memory_operand(TestCase& test, const Decoded& d, const ZydisDecodedOperandMem& mem, uint64_t linear) {
  const unsigned width = d.insn.address_width;
  const uint64_t target = linear - base_of(test.mode, mem.segment);
  uint64_t rest = target - static_cast<uint64_t>(mem.disp.value);
  const bool base = is_general(mem.base), index = is_general(mem.index) && mem.index != ZYDIS_REGISTER_NONE;
  auto& gpr = test.before.gpr;
  if (!base && !index) {  // absolute or relative to rip: the displacement in the code decides
    const auto& raw = d.insn.raw.disp;
    if (raw.size < 16) return linear;
    const uint64_t displacement = mem.base == ZYDIS_REGISTER_RIP || mem.base == ZYDIS_REGISTER_EIP ? target - test.address - test.length : target;
    std::memcpy(test.bytes.data() + raw.offset, &displacement, raw.size / 8);
    return linear;
  }
  if (base && index && mem.base == mem.index) {
    gpr[register_id(mem.base)] = truncate(rest, width) / (1u + mem.scale);
    return linear - truncate(rest, width) % (1u + mem.scale);
  }
  if (index) {
    const uint64_t small = base ? below(64) : truncate(rest, width) / mem.scale;
    if (!base) linear -= truncate(rest, width) % mem.scale;
    gpr[register_id(mem.index)] = base && chance(20) ? truncate(-small, width) : small;
    rest -= gpr[register_id(mem.index)] * mem.scale;
  }
  if (base) gpr[register_id(mem.base)] = truncate(rest, width) | (chance(50) ? random() << width % 64 & (width == 64 ? 0 : ~0ull) : 0);
  return linear;
}

// Branch targets: in the code area, or where the offset is wide enough and limits allow it anywhere in RAM. An instruction that takes
// its target from memory finds it there (test.poke_address is its operand's address already).
void Generator::aim_branch(TestCase& test, const Decoded& d) {
  const ZydisInstructionCategory category = d.insn.meta.category;
  if (category != ZYDIS_CATEGORY_UNCOND_BR && category != ZYDIS_CATEGORY_COND_BR && category != ZYDIS_CATEGORY_CALL && category != ZYDIS_CATEGORY_RET) {
    test.poke_address = 0;
    return;
  }
  const bool wide = d.insn.operand_width > 16 && test.mode != Mode::kReal16;
  uint64_t target = wide && chance(40) ? layout::kFarTargets + below(layout::kBytes - layout::kFarTargets - 16) : layout::kTargets + below(layout::kTargetsBytes - 16);
  test.poke_value = target;
  if (is_far(d)) {  // real mode: a segment above kFarTargets, so that only HLT lies there; now and then beyond its limit
    if (d.insn.operand_width > 16 && chance(20)) target += 0x10000;
    const uint64_t selector = layout::kFarTargets / 16 + below(0xc000);
    test.poke_value = target | selector << std::min(d.insn.operand_width, uint8_t{32});
    if (d.insn.operand_count_visible && !d.is_mem(0) && d.insn.raw.imm[1].size == 16) {
      std::memcpy(test.bytes.data() + d.insn.raw.imm[0].offset, &target, d.insn.raw.imm[0].size / 8);
      std::memcpy(test.bytes.data() + d.insn.raw.imm[1].offset, &selector, 2);
    }
  }
  if (category == ZYDIS_CATEGORY_RET) test.poke_address = test.before.gpr[hw::kRsp] + (test.mode == Mode::kLong64 ? 0 : kSegmentBase[hw::kSs]);
  if (d.insn.operand_count_visible == 0) return;
  if (d.is_reg(0)) test.before.gpr[register_id(d.ops[0].reg.value)] = target;
  if (d.is_imm(0) && d.ops[0].imm.is_relative) {
    // Short ones reach the unused rest of this slot or of the one before.
    const uint64_t near_target = chance(50) ? test.address + 15 + below(16) : test.address - 1 - below(16);
    const uint64_t displacement = (d.insn.raw.imm[0].size >= 16 ? target : near_target) - test.address - test.length;
    std::memcpy(test.bytes.data() + d.insn.raw.imm[0].offset, &displacement, d.insn.raw.imm[0].size / 8);
  }
}

// Strings and XLAT: pointers in the window.
void Generator::aim_strings(TestCase& test, const Decoded& d) {
  auto& gpr = test.before.gpr;
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    const auto& op = d.ops[i];
    if (op.type != ZYDIS_OPERAND_TYPE_MEMORY || !is_general(op.mem.base)) continue;
    const unsigned reg = register_id(op.mem.base);
    if (reg != hw::kRsi && reg != hw::kRdi && d.insn.mnemonic != ZYDIS_MNEMONIC_XLAT) continue;
    gpr[reg] = layout::kWindow + 0x800 + below(0x1000) - base_of(test.mode, op.mem.segment);
  }
}

// Operands that are selectors get one of the table's, an odd one now and then.
void Generator::selector_operand(TestCase& test, const Decoded& d) {
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_LAR: case ZYDIS_MNEMONIC_LSL: case ZYDIS_MNEMONIC_VERR: case ZYDIS_MNEMONIC_VERW: case ZYDIS_MNEMONIC_MOV: break;
    default: return;
  }
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_MOV && !(d.is_reg(0) && ZydisRegisterGetClass(d.ops[0].reg.value) == ZYDIS_REGCLASS_SEGMENT)) return;
  const unsigned last = d.insn.operand_count_visible - 1;
  if (d.is_reg(last)) test.before.gpr[register_id(d.ops[last].reg.value)] = below(kGdtEntries + 2) * 8 + (chance(30) ? below(4) : 0);
}

void Generator::registers(TestCase& test, const Decoded& d) {
  auto& gpr = test.before.gpr;
  for (uint64_t& r : gpr) r = value();
  if (test.mode != Mode::kLong64)
    for (uint64_t& r : gpr) r &= 0xffffffff;
  for (unsigned r = test.mode == Mode::kLong64 ? 16 : 8; r < 16; ++r) gpr[r] = 0;
  selector_operand(test, d);
  gpr[hw::kRsp] = layout::kWindow + 0x1000 + 8 * below(64) - (test.mode == Mode::kLong64 ? 0 : kSegmentBase[hw::kSs]);
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_LEAVE || d.insn.mnemonic == ZYDIS_MNEMONIC_ENTER) gpr[hw::kRbp] = gpr[hw::kRsp] + 8 * below(32);
  aim_strings(test, d);
  if (const auto* mem = memory_operand(d); mem && d.insn.mnemonic != ZYDIS_MNEMONIC_LEA) {
    test.poke_address = layout::kWindow + 0x800 + below(0x1000);
    if (is_bit_test(d) && d.is_reg(1)) gpr[register_id(d.ops[1].reg.value)] = below(0x800) - 0x400;
    test.poke_address = aim_memory_operand(test, d, *mem, test.poke_address);
  }
  aim_branch(test, d);
  if (is_repeated(d)) gpr[hw::kRcx] = below(20);
  if (test.mode != Mode::kLong64)
    for (uint64_t& r : gpr) r &= 0xffffffff;
  test.before.rflags = 2 | (random() & 0x8d5) | (chance(15) ? 0x400 : 0);
}

TestCase Generator::next(Mode mode, uint64_t address) {
  for (;;) {
    TestCase test;
    test.mode = mode;
    test.address = address;
    encode(mode, test.bytes.data());
    Decoded d;
    if (!hw::decode_instruction(test.bytes, code_size(mode), d) || !comparable(d, mode)) continue;
    test.length = d.insn.length;
    std::fill(test.bytes.begin() + test.length, test.bytes.end(), uint8_t{0xf4});  // HLT: translators read on
    test.before.rip = address;
    test.repeated = is_repeated(d);
    test.before.selector = initial_selectors(mode);
    test.before.cr0 = initial_cr0(mode);
    test.window_seed = random();
    registers(test, d);
    return test;
  }
}

}  // namespace ringside::differential
