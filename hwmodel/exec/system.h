// The files of the system group, joined by system_instructions() (isa/decoded.h), and what their handlers share.
#pragma once

#include <span>

#include "hwmodel/exec/segmentation.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

std::span<const InstructionInfo> control_register_rows();
std::span<const InstructionInfo> descriptor_table_rows();
std::span<const InstructionInfo> descriptor_query_rows();
std::span<const InstructionInfo> segment_register_rows();
std::span<const InstructionInfo> flag_control_rows();
std::span<const InstructionInfo> port_rows();
std::span<const InstructionInfo> identification_rows();
std::span<const InstructionInfo> processor_control_rows();
std::span<const InstructionInfo> unannounced_rows();

// A handler with the check its manual page begins with.
template <Handler kInner>
const Uop* at_cpl0(Cpu& cpu, const Uop* op) {
  return cpu.cpl == 0 ? kInner(cpu, op) : raise(cpu, op, Vector::kGP, 0);
}
template <Handler kInner>
const Uop* in_protected_mode(Cpu& cpu, const Uop* op) {
  return segmented_by_paragraph(cpu) ? raise(cpu, op, Vector::kUD) : kInner(cpu, op);
}
// User-mode instruction prevention [SDM 3A 2.5 "Control Registers", UMIP].
template <Handler kInner>
const Uop* under_umip(Cpu& cpu, const Uop* op) {
  return cpu.cpl != 0 && (cpu.cr4 & cr4::kUmip) ? raise(cpu, op, Vector::kGP, 0) : kInner(cpu, op);
}

template <Handler kHandler>
bool bind_handler(const Decoded&, Uop& uop) {
  uop.fn = kHandler;
  return true;
}

}  // namespace ringside::hw
