#include "hwmodel/isa/decoder.h"

#include <algorithm>
#include <array>

#include "hwmodel/exec/sensitive_gate.h"
#include "hwmodel/exec/undefined.h"
#include "hwmodel/isa/instruction_table.h"
#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw {
namespace {

constexpr unsigned kMaxInstructionBytes = 15;

// One configured decoder per code size. Extensions that CPUID does not announce and whose encodings older CPUs run as something
// else (TZCNT as BSF, LZCNT as BSR, ENDBR64 as NOP ...) are decoded as that.
ZydisDecoder make_decoder(unsigned code_size) {
  ZydisDecoder decoder;
  const ZydisMachineMode mode = code_size == 64   ? ZYDIS_MACHINE_MODE_LONG_64
                                : code_size == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                                  : ZYDIS_MACHINE_MODE_LEGACY_16;
  const ZydisStackWidth width = code_size == 64 ? ZYDIS_STACK_WIDTH_64 : code_size == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
  ZydisDecoderInit(&decoder, mode, width);
  for (const ZydisDecoderMode off : {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET, ZYDIS_DECODER_MODE_LZCNT, ZYDIS_DECODER_MODE_TZCNT,
                                     ZYDIS_DECODER_MODE_WBNOINVD, ZYDIS_DECODER_MODE_CLDEMOTE}) {
    ZydisDecoderEnableMode(&decoder, off, ZYAN_FALSE);
  }
  return decoder;
}

const ZydisDecoder& decoder_for(unsigned code_size) {
  static const std::array<ZydisDecoder, 3> decoders{make_decoder(16), make_decoder(32), make_decoder(64)};
  return decoders[code_size / 32];
}

uint8_t segment_number(ZydisRegister reg) {
  switch (reg) {
    case ZYDIS_REGISTER_ES: return kEs;
    case ZYDIS_REGISTER_CS: return kCs;
    case ZYDIS_REGISTER_SS: return kSs;
    case ZYDIS_REGISTER_DS: return kDs;
    case ZYDIS_REGISTER_FS: return kFs;
    case ZYDIS_REGISTER_GS: return kGs;
    default: return kNoSegment;
  }
}

// Zydis 4.0 takes r13d as the base of [index * scale + disp32] with REX.B and a 32-bit address size, and loses the displacement; the
// encoding has no base there [SDM 2A 2.2.1.2, table 2-5 "mod = 00, base = 101"].
void correct_absent_base(Decoded& d) {
  const auto& raw = d.insn.raw;
  if (raw.sib.offset == 0 || raw.modrm.mod != 0 || raw.sib.base != 5) return;
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    auto& mem = d.ops[i].mem;
    if (d.ops[i].type != ZYDIS_OPERAND_TYPE_MEMORY || mem.base != ZYDIS_REGISTER_R13D || d.ops[i].encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM) continue;
    mem.base = ZYDIS_REGISTER_NONE;
    mem.disp.has_displacement = ZYAN_TRUE;
    mem.disp.value = raw.disp.value;
  }
}

bool is_instruction_pointer(ZydisRegister reg) { return reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP; }

uint8_t address_register(ZydisRegister reg) { return reg == ZYDIS_REGISTER_NONE ? uint8_t{kNoReg} : register_number(reg); }

AddressMode address_mode(const Decoded& d, uint8_t segment) {
  if (d.code_size == 64) {
    if (d.insn.address_width == 32) return AddressMode::kLong32;
    return segment == kFs || segment == kGs ? AddressMode::kLongSeg : AddressMode::kFlat;
  }
  return d.insn.address_width == 16 ? AddressMode::kLegacy16 : AddressMode::kLegacy32;
}

void fill_memory_operand(const Decoded& d, const ZydisDecodedOperand& operand, Uop& uop) {
  const auto& mem = operand.mem;
  uop.segment = segment_number(mem.segment);
  uop.mode = address_mode(d, uop.segment);
  uop.disp = static_cast<int32_t>(mem.disp.value);
  uop.index = address_register(mem.index);
  uop.scale = mem.scale == 8 ? 3 : mem.scale == 4 ? 2 : mem.scale == 2 ? 1 : 0;
  if (is_instruction_pointer(mem.base)) {
    uop.base = kBlockRip;
    uop.disp += uop.offset + uop.length;
  } else {
    uop.base = address_register(mem.base);
  }
}

uint8_t memory_operands(const Decoded& d) {
  const auto accesses = [](const ZydisDecodedOperand& o) { return o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.type != ZYDIS_MEMOP_TYPE_AGEN && o.actions; };
  return static_cast<uint8_t>(std::count_if(d.ops, d.ops + d.insn.operand_count, accesses));
}

void fill_common(const Decoded& d, DecodeMode mode, unsigned offset, Uop& uop) {
  uop.offset = static_cast<uint16_t>(offset);
  uop.length = d.insn.length;
  uop.code_size = mode.code_size;
  uop.stack_size = mode.stack_size;
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  uop.address_size = static_cast<uint8_t>(d.insn.address_width / 8);
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_LOCK) uop.flags |= kLock;
  if (d.insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) uop.flags |= kRep;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_REPNE) uop.flags |= kRepne;
  if (d.insn.raw.rex.W) uop.flags |= kOperandRexW;
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i) {
    if (d.is_imm(i)) {
      const auto& imm = d.ops[i].imm;
      uop.imm = imm.value.u;
      if (imm.is_relative) uop.imm += offset + d.insn.length;
    }
    if (d.is_mem(i)) fill_memory_operand(d, d.ops[i], uop);
  }
}

}  // namespace

uint8_t register_number(ZydisRegister reg) {
  const ZyanI8 id = ZydisRegisterGetId(reg);
  if (ZydisRegisterGetClass(reg) != ZYDIS_REGCLASS_GPR8) return static_cast<uint8_t>(id < 0 ? 0 : id);
  if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) return static_cast<uint8_t>((reg - ZYDIS_REGISTER_AH) * 8 + 1);
  // Zydis numbers AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B ...: the four high bytes shift what follows them.
  const unsigned position = reg - ZYDIS_REGISTER_AL;
  return static_cast<uint8_t>((position < 4 ? position : position - 4) * 8);
}

bool decode_instruction(std::span<const uint8_t> bytes, unsigned code_size, Decoded& out) {
  out.code_size = code_size;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_for(code_size), bytes.data(), bytes.size(), &out.insn, out.ops))) return false;
  correct_absent_base(out);
  return true;
}

DecodeResult decode(std::span<const uint8_t> bytes, DecodeMode mode, unsigned offset, Uop& uop, Gates* gates) {
  Decoded d;
  d.code_size = mode.code_size;
  const ZyanStatus status = ZydisDecoderDecodeFull(&decoder_for(mode.code_size), bytes.data(), bytes.size(), &d.insn, d.ops);
  uop = Uop{};
  uop.offset = static_cast<uint16_t>(offset);
  uop.code_size = mode.code_size;
  uop.stack_size = mode.stack_size;
  if (!ZYAN_SUCCESS(status)) {
    if (status == ZYDIS_STATUS_NO_MORE_DATA && bytes.size() < kMaxInstructionBytes) return {DecodeOutcome::kTruncated};
    uop.length = 1;
    uop.fn = status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? too_long_instruction : undefined_instruction;
    return {DecodeOutcome::kInvalid};
  }
  correct_absent_base(d);
  fill_common(d, mode, offset, uop);
  for (const InstructionInfo* info : instruction_rows(d.insn.mnemonic)) {
    if (!info->bind(d, uop)) continue;
    DecodeResult result{DecodeOutcome::kOk, info->ends_block, info->cost, memory_operands(d)};
    if (!gates) return result;
    if (bind_sensitive_gate(*info, mode.sensitive, uop, (*gates)[0])) result.gates = 1;
    if (mode.non_root && vmx::bind_gate(d, uop, (*gates)[result.gates])) {
      ++result.gates;
      result.ends_block = true;
    }
    return result;
  }
  uop.fn = unimplemented_instruction;
  return {DecodeOutcome::kUnimplemented};
}

const InstructionInfo* row_of(const Decoded& d) {
  Uop uop;
  fill_common(d, DecodeMode{.code_size = static_cast<uint8_t>(d.code_size)}, 0, uop);
  for (const InstructionInfo* info : instruction_rows(d.insn.mnemonic)) {
    if (info->bind(d, uop)) return info;
  }
  return nullptr;
}

std::string disassemble(std::span<const uint8_t> bytes, unsigned code_size, uint64_t address, unsigned& length) {
  static const ZydisFormatter formatter = [] {
    ZydisFormatter f;
    ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    return f;
  }();
  Decoded d;
  char text[128];
  if (!decode_instruction(bytes, code_size, d) ||
      !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &d.insn, d.ops, d.insn.operand_count_visible, text, sizeof text, address, nullptr))) {
    length = 1;
    return "(bad)";
  }
  length = d.insn.length;
  return text;
}

}  // namespace ringside::hw
