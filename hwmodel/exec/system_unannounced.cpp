// Instructions that exist in the manual but not on this processor: CPUID does not announce them (or CR4 cannot enable them), so #UD is
// what hardware raises too. They are known, hence not counted as unimplemented. When VMX or XSAVE come, their rows move to their files.
#include "hwmodel/exec/system.h"
#include "hwmodel/exec/undefined.h"

#include <vector>

namespace ringside::hw {
namespace {

struct Group {
  const char* section;
  std::vector<ZydisMnemonic> mnemonics;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      {"SDM 2B 4.3 UD", {ZYDIS_MNEMONIC_UD0, ZYDIS_MNEMONIC_UD1, ZYDIS_MNEMONIC_UD2}},
      {"SDM 2B 4.3 RSM", {ZYDIS_MNEMONIC_RSM}},   // outside of system management mode
      {"SDM 2B 4.3 MONITOR/MWAIT", {ZYDIS_MNEMONIC_MONITOR, ZYDIS_MNEMONIC_MWAIT}},
      {"SDM 2D 6.1 XSAVE", {ZYDIS_MNEMONIC_XGETBV, ZYDIS_MNEMONIC_XSETBV, ZYDIS_MNEMONIC_XSAVE, ZYDIS_MNEMONIC_XSAVE64, ZYDIS_MNEMONIC_XSAVEC,
                            ZYDIS_MNEMONIC_XSAVEC64, ZYDIS_MNEMONIC_XSAVEOPT, ZYDIS_MNEMONIC_XSAVEOPT64, ZYDIS_MNEMONIC_XSAVES,
                            ZYDIS_MNEMONIC_XSAVES64, ZYDIS_MNEMONIC_XRSTOR, ZYDIS_MNEMONIC_XRSTOR64, ZYDIS_MNEMONIC_XRSTORS,
                            ZYDIS_MNEMONIC_XRSTORS64}},
      {"SDM 2B 4.3 RDPKRU/WRPKRU", {ZYDIS_MNEMONIC_RDPKRU, ZYDIS_MNEMONIC_WRPKRU}},
      {"SDM 2D 6.1 XBEGIN", {ZYDIS_MNEMONIC_XBEGIN, ZYDIS_MNEMONIC_XEND, ZYDIS_MNEMONIC_XABORT, ZYDIS_MNEMONIC_XTEST}},
      {"SDM 2D 6.1 waiting and hints", {ZYDIS_MNEMONIC_TPAUSE, ZYDIS_MNEMONIC_UMONITOR, ZYDIS_MNEMONIC_UMWAIT, ZYDIS_MNEMONIC_SERIALIZE,
                                        ZYDIS_MNEMONIC_CLFLUSHOPT, ZYDIS_MNEMONIC_CLWB}},
      {"SDM 3C 31 VMX instructions", {ZYDIS_MNEMONIC_VMXON, ZYDIS_MNEMONIC_VMXOFF, ZYDIS_MNEMONIC_VMCALL, ZYDIS_MNEMONIC_VMLAUNCH,
                                      ZYDIS_MNEMONIC_VMRESUME, ZYDIS_MNEMONIC_VMREAD, ZYDIS_MNEMONIC_VMWRITE, ZYDIS_MNEMONIC_VMCLEAR,
                                      ZYDIS_MNEMONIC_VMPTRLD, ZYDIS_MNEMONIC_VMPTRST, ZYDIS_MNEMONIC_VMFUNC, ZYDIS_MNEMONIC_INVEPT,
                                      ZYDIS_MNEMONIC_INVVPID}},
      {"APM 3 SVM instructions", {ZYDIS_MNEMONIC_VMRUN, ZYDIS_MNEMONIC_VMMCALL, ZYDIS_MNEMONIC_VMLOAD, ZYDIS_MNEMONIC_VMSAVE, ZYDIS_MNEMONIC_STGI,
                                  ZYDIS_MNEMONIC_CLGI, ZYDIS_MNEMONIC_SKINIT, ZYDIS_MNEMONIC_INVLPGA}},
      {"SDM 3D SGX and SMX", {ZYDIS_MNEMONIC_ENCLS, ZYDIS_MNEMONIC_ENCLU, ZYDIS_MNEMONIC_ENCLV, ZYDIS_MNEMONIC_GETSEC}},
  };
  return all;
}

}  // namespace

std::span<const InstructionInfo> unannounced_rows() {
  static const auto rows = [] {
    std::vector<InstructionInfo> all;
    for (const Group& group : groups()) {
      for (const ZydisMnemonic mnemonic : group.mnemonics) {
        all.push_back({mnemonic, Privilege::kNone, Sensitive::kNo, CostClass::kSystem, true, group.section, bind_handler<undefined_instruction>});
      }
    }
    return all;
  }();
  return rows;
}

}  // namespace ringside::hw
