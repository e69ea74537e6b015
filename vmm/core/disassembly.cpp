// Reading guest code without side effects and turning it into Intel-syntax lines.
#include "vmm/core/disassembly.h"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ringside::vmm {

size_t peek_linear(Machine& machine, Vcpu& vcpu, uint64_t address, std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const uint64_t linear = address + done;
    const size_t in_page = std::min<size_t>(out.size() - done, kPageSize - linear % kPageSize);
    GuestPhysical physical;
    if (!vcpu.peek_translate(GuestVirtual(linear), physical)) break;
    if (!machine.memory().contains(physical, in_page)) break;
    std::memcpy(out.data() + done, machine.memory().host(physical), in_page);
    done += in_page;
  }
  return done;
}

std::vector<DisassembledLine> disassemble(std::span<const uint8_t> code, uint64_t address, unsigned bits, size_t lines) {
  const ZydisMachineMode mode = bits == 64   ? ZYDIS_MACHINE_MODE_LONG_64
                                : bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                             : ZYDIS_MACHINE_MODE_REAL_16;
  std::vector<DisassembledLine> result;
  size_t at = 0;
  while (at < code.size() && result.size() < lines) {
    ZydisDisassembledInstruction instruction;
    const bool good =
        ZYAN_SUCCESS(ZydisDisassembleIntel(mode, address + at, code.data() + at, code.size() - at, &instruction));
    const size_t length = good ? instruction.info.length : 1;
    DisassembledLine line{.address = address + at, .bytes = {}, .text = good ? instruction.text : "(bad)"};
    for (size_t i = 0; i < length; ++i) line.bytes += fmt::format("{}{:02x}", i ? " " : "", code[at + i]);
    result.push_back(std::move(line));
    at += length;
  }
  return result;
}

}  // namespace ringside::vmm
