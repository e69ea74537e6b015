#include "hwmodel/isa/sensitive.h"

#include "hwmodel/isa/decoded.h"
#include "traces/base/text.h"

namespace ringside::hw {

bool unprivileged_sensitive(const InstructionInfo& row) {
  if (row.sensitive == Sensitive::kNo) return false;
  switch (row.privilege) {
    case Privilege::kNone:
    case Privilege::kUmip: return true;
    case Privilege::kCpl0:
    case Privilege::kIopl:
    case Privilege::kTsd:
    case Privilege::kPce:
    case Privilege::kTrap: return false;
  }
  return false;
}

std::string why_sensitive(const InstructionInfo& row) {
  switch (row.mnemonic) {
    case ZYDIS_MNEMONIC_SGDT: return text::tr("hwmodel.sensitive.sgdt");
    case ZYDIS_MNEMONIC_SIDT: return text::tr("hwmodel.sensitive.sidt");
    case ZYDIS_MNEMONIC_SLDT: return text::tr("hwmodel.sensitive.sldt");
    case ZYDIS_MNEMONIC_STR: return text::tr("hwmodel.sensitive.str");
    case ZYDIS_MNEMONIC_SMSW: return text::tr("hwmodel.sensitive.smsw");
    case ZYDIS_MNEMONIC_PUSHF: case ZYDIS_MNEMONIC_PUSHFD: case ZYDIS_MNEMONIC_PUSHFQ: return text::tr("hwmodel.sensitive.pushf");
    case ZYDIS_MNEMONIC_POPF: case ZYDIS_MNEMONIC_POPFD: case ZYDIS_MNEMONIC_POPFQ: return text::tr("hwmodel.sensitive.popf");
    case ZYDIS_MNEMONIC_LAR: case ZYDIS_MNEMONIC_LSL: case ZYDIS_MNEMONIC_VERR: case ZYDIS_MNEMONIC_VERW:
      return text::tr("hwmodel.sensitive.descriptor_query");
    case ZYDIS_MNEMONIC_PUSH: return text::tr("hwmodel.sensitive.segment_store");
    case ZYDIS_MNEMONIC_MOV: case ZYDIS_MNEMONIC_POP: case ZYDIS_MNEMONIC_LDS: case ZYDIS_MNEMONIC_LES: case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS: case ZYDIS_MNEMONIC_LSS:
      return text::tr("hwmodel.sensitive.segment_move");
    case ZYDIS_MNEMONIC_CALL: case ZYDIS_MNEMONIC_JMP: case ZYDIS_MNEMONIC_RET: return text::tr("hwmodel.sensitive.far_control");
    case ZYDIS_MNEMONIC_IRET: case ZYDIS_MNEMONIC_IRETD: case ZYDIS_MNEMONIC_IRETQ: return text::tr("hwmodel.sensitive.iret");
    case ZYDIS_MNEMONIC_INT: case ZYDIS_MNEMONIC_INT3: case ZYDIS_MNEMONIC_INTO: return text::tr("hwmodel.sensitive.int");
    case ZYDIS_MNEMONIC_CPUID: return text::tr("hwmodel.sensitive.cpuid");
    case ZYDIS_MNEMONIC_RDPID: return text::tr("hwmodel.sensitive.rdpid");
    default: return text::tr("hwmodel.sensitive.other");
  }
}

}  // namespace ringside::hw
