#include "vmm/techniques/deprivileged/trap_reason.h"

#include <Zydis/Zydis.h>

namespace ringside::vmm {
namespace {

using traces::ExitReason;

struct Instruction {
  ZydisDecodedInstruction insn;
  ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

ZydisDecoder decoder_for(unsigned bits) {
  ZydisDecoder decoder;
  if (bits == 64) ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  else if (bits == 32) ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
  else ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
  return decoder;
}

bool decode(std::span<const uint8_t> bytes, unsigned bits, Instruction& out) {
  static const ZydisDecoder kDecoders[3] = {decoder_for(16), decoder_for(32), decoder_for(64)};
  const ZydisDecoder& decoder = kDecoders[bits == 64 ? 2 : bits == 32 ? 1 : 0];
  return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &out.insn, out.ops));
}

bool has_operand(const Instruction& i, ZydisRegisterClass wanted) {
  for (unsigned n = 0; n < i.insn.operand_count_visible; ++n) {
    if (i.ops[n].type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(i.ops[n].reg.value) == wanted) return true;
  }
  return false;
}

ExitReason reason_of_move(const Instruction& i) {
  if (has_operand(i, ZYDIS_REGCLASS_CONTROL)) return ExitReason::kCrAccess;
  if (has_operand(i, ZYDIS_REGCLASS_DEBUG)) return ExitReason::kDrAccess;
  return has_operand(i, ZYDIS_REGCLASS_SEGMENT) ? ExitReason::kSegmentAccess : ExitReason::kGuestException;
}

}  // namespace

ExitReason trap_reason(std::span<const uint8_t> bytes, unsigned bits) {
  Instruction i;
  if (!decode(bytes, bits, i)) return ExitReason::kGuestException;
  const bool far = i.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  switch (i.insn.mnemonic) {
    case ZYDIS_MNEMONIC_CLI: case ZYDIS_MNEMONIC_STI: return ExitReason::kInterruptFlag;
    case ZYDIS_MNEMONIC_HLT: return ExitReason::kHlt;
    case ZYDIS_MNEMONIC_MOV: return reason_of_move(i);
    case ZYDIS_MNEMONIC_CLTS: case ZYDIS_MNEMONIC_LMSW: return ExitReason::kCrAccess;
    case ZYDIS_MNEMONIC_RDMSR: return ExitReason::kMsrRead;
    case ZYDIS_MNEMONIC_WRMSR: return ExitReason::kMsrWrite;
    case ZYDIS_MNEMONIC_INVLPG: return ExitReason::kInvlpg;
    case ZYDIS_MNEMONIC_INVPCID: return ExitReason::kInvpcid;
    case ZYDIS_MNEMONIC_INVD: return ExitReason::kInvd;
    case ZYDIS_MNEMONIC_WBINVD: return ExitReason::kWbinvd;
    case ZYDIS_MNEMONIC_XSETBV: return ExitReason::kXsetbv;
    case ZYDIS_MNEMONIC_RDPMC: return ExitReason::kRdpmc;
    case ZYDIS_MNEMONIC_MWAIT: return ExitReason::kMwait;
    case ZYDIS_MNEMONIC_MONITOR: return ExitReason::kMonitor;
    case ZYDIS_MNEMONIC_IN: case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_INSB: case ZYDIS_MNEMONIC_INSW: case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_OUTSB: case ZYDIS_MNEMONIC_OUTSW: case ZYDIS_MNEMONIC_OUTSD: return ExitReason::kIoInstruction;
    case ZYDIS_MNEMONIC_LGDT: case ZYDIS_MNEMONIC_LIDT: return ExitReason::kGdtrIdtrAccess;
    case ZYDIS_MNEMONIC_LLDT: case ZYDIS_MNEMONIC_LTR: return ExitReason::kLdtrTrAccess;
    case ZYDIS_MNEMONIC_IRET: case ZYDIS_MNEMONIC_IRETD: case ZYDIS_MNEMONIC_IRETQ: return ExitReason::kIret;
    case ZYDIS_MNEMONIC_SYSRET: case ZYDIS_MNEMONIC_SYSEXIT: return ExitReason::kSystemReturn;
    case ZYDIS_MNEMONIC_SYSCALL: case ZYDIS_MNEMONIC_SYSENTER: return ExitReason::kSystemCall;
    case ZYDIS_MNEMONIC_SWAPGS: return ExitReason::kSwapgs;
    case ZYDIS_MNEMONIC_INT: case ZYDIS_MNEMONIC_INT3: case ZYDIS_MNEMONIC_INTO: return ExitReason::kSoftwareInterrupt;
    case ZYDIS_MNEMONIC_POP: case ZYDIS_MNEMONIC_LSS: case ZYDIS_MNEMONIC_LFS: case ZYDIS_MNEMONIC_LGS:
      return has_operand(i, ZYDIS_REGCLASS_SEGMENT) ? ExitReason::kSegmentAccess : ExitReason::kGuestException;
    case ZYDIS_MNEMONIC_CLAC: case ZYDIS_MNEMONIC_STAC: return ExitReason::kInterruptFlag;
    case ZYDIS_MNEMONIC_PUSHF: case ZYDIS_MNEMONIC_PUSHFD: case ZYDIS_MNEMONIC_PUSHFQ: return ExitReason::kPushf;
    case ZYDIS_MNEMONIC_POPF: case ZYDIS_MNEMONIC_POPFD: case ZYDIS_MNEMONIC_POPFQ: return ExitReason::kPopf;
    case ZYDIS_MNEMONIC_SGDT: case ZYDIS_MNEMONIC_SIDT: case ZYDIS_MNEMONIC_SLDT: case ZYDIS_MNEMONIC_SMSW: case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_LAR: case ZYDIS_MNEMONIC_LSL: case ZYDIS_MNEMONIC_VERR: case ZYDIS_MNEMONIC_VERW: return ExitReason::kSensitive;
    default: return far ? ExitReason::kSegmentAccess : ExitReason::kGuestException;
  }
}

bool uses_fpu(std::span<const uint8_t> bytes, unsigned bits) {
  Instruction i;
  if (!decode(bytes, bits, i)) return false;
  switch (i.insn.meta.isa_set) {
    case ZYDIS_ISA_SET_X87: case ZYDIS_ISA_SET_FXSAVE: case ZYDIS_ISA_SET_FXSAVE64: return true;
    default: return has_operand(i, ZYDIS_REGCLASS_XMM) || has_operand(i, ZYDIS_REGCLASS_MMX) || has_operand(i, ZYDIS_REGCLASS_X87);
  }
}

}  // namespace ringside::vmm
