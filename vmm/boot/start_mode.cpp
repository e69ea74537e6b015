// Builds the start states: descriptors, page tables, control registers.
#include "vmm/boot/start_mode.h"

#include <array>
#include <cassert>

#include "traces/base/text.h"
#include "vmm/boot/layout.h"

namespace ringside::vmm {

namespace {

namespace ar = hw::access_rights;

// Code: execute, read, accessed; data: read, write, accessed [SDM 3A 3.4.5.1 "Code- and Data-Segment Descriptor Types"].
constexpr uint32_t kCodeType = 0xb, kDataType = 0x3, kBusyTss = 0xb;
constexpr uint32_t kFlatCode32 = kCodeType | ar::kS | ar::kP | ar::kDb | ar::kG;
constexpr uint32_t kFlatCode64 = kCodeType | ar::kS | ar::kP | ar::kL | ar::kG;
constexpr uint32_t kFlatData = kDataType | ar::kS | ar::kP | ar::kDb | ar::kG;

// A descriptor of base 0 in the GDT's format:
//   63:56 base 31:24 | 55:52 G DB L AVL | 51:48 limit 19:16 | 47:40 P DPL S type | 39:16 base 23:0 | 15:0 limit 15:0
uint64_t descriptor(uint32_t rights, uint32_t base, uint32_t limit) {
  const uint32_t raw = rights & ar::kG ? limit >> 12 : limit;
  return uint64_t{raw & 0xffff} | uint64_t{base & 0xffffff} << 16 | uint64_t{rights & 0xff} << 40 | uint64_t{raw >> 16 & 0xf} << 48 |
         uint64_t{rights >> 12 & 0xf} << 52 | uint64_t{base >> 24} << 56;
}

// The 16 bytes at the stack's very bottom never hold anything: the TSS is never used, it only has to be valid.
constexpr uint32_t kTssBase = 0, kTssLimit = 0x67;

Result<void> write_gdt(hw::PhysicalMemory& memory, uint32_t code_rights, Registers& r) {
  const std::array<uint64_t, 6> gdt = {0, 0, descriptor(code_rights, 0, 0xffffffff), descriptor(kFlatData, 0, 0xffffffff),
                                       descriptor(kBusyTss | ar::kP, kTssBase, kTssLimit), 0};
  if (!memory.write(layout::kGdt, gdt)) return fail(ExitCode::kUsage, text::tr("vmm.boot.ram-too-small", memory.size() >> 20));
  r.gdtr = {.base = layout::kGdt.value, .limit = sizeof gdt - 1};
  r.segment[hw::kCs] = {.base = 0, .limit = 0xffffffff, .selector = kBootCodeSelector, .rights = code_rights};
  for (const unsigned s : {hw::kDs, hw::kEs, hw::kFs, hw::kGs, hw::kSs})
    r.segment[s] = {.base = 0, .limit = 0xffffffff, .selector = kBootDataSelector, .rights = kFlatData};
  r.tr = {.base = kTssBase, .limit = kTssLimit, .selector = kBootTssSelector, .rights = kBusyTss | ar::kP};
  r.ldtr = {.base = 0, .limit = 0, .selector = 0, .rights = ar::kUnusable};
  return success();
}

// PML4[0] -> PDPT[0..3] -> four page directories of 2 MiB pages: linear = physical for the first 4 GiB.
bool write_identity_map(hw::PhysicalMemory& memory) {
  constexpr uint64_t kPresentWritable = 3, kLargePage = 1 << 7, kEntries = 512, kDirectories = 4;
  const GuestPhysical pml4 = layout::kPageTables, pdpt = pml4 + kPageSize, directory = pdpt + kPageSize;
  if (!memory.contains(pml4, layout::kPageTablesBytes)) return false;
  std::memset(memory.host(pml4), 0, layout::kPageTablesBytes);
  bool ok = memory.write(pml4, pdpt.value | kPresentWritable);
  for (uint64_t i = 0; i < kDirectories; ++i) ok &= memory.write(pdpt + i * 8, (directory + i * kPageSize).value | kPresentWritable);
  for (uint64_t i = 0; i < kDirectories * kEntries; ++i)
    ok &= memory.write(directory + i * 8, (i << 21) | kPresentWritable | kLargePage);
  return ok;
}

}  // namespace

std::string_view name_of(StartMode mode) {
  switch (mode) {
    case StartMode::kReal: return "real";
    case StartMode::kProtected: return "protected";
    case StartMode::kLong: return "long";
  }
  return "";
}

Result<StartMode> start_mode_of(std::string_view name) {
  for (const StartMode mode : {StartMode::kReal, StartMode::kProtected, StartMode::kLong})
    if (name == name_of(mode)) return mode;
  return fail(ExitCode::kUsage, text::tr("vmm.boot.unknown-mode", name));
}

Registers real_mode_registers(GuestPhysical entry) {
  assert(entry.value < layout::kExtendedMemory.value);
  Registers r = reset_registers();
  r.cr0 = hw::cr0::kEt;
  r.gpr[hw::kRdx] = 0;
  const uint64_t base = entry.value <= 0xffff ? 0 : entry.value & ~uint64_t{0xf};
  for (hw::Segment& s : r.segment) {
    s.base = base;
    s.selector = static_cast<uint16_t>(base >> 4);
  }
  r.rip = entry.value - base;
  r.idtr = {.base = 0, .limit = 0x3ff};
  // A stack below the entry segment's code would be a guess; the small stack of the layout is free in every mode.
  r.segment[hw::kSs].base = 0;
  r.segment[hw::kSs].selector = 0;
  r.gpr[hw::kRsp] = 0x7000;
  return r;
}

Result<Registers> protected_mode_registers(hw::PhysicalMemory& memory, GuestPhysical entry) {
  Registers r;
  BOOST_OUTCOME_TRY(write_gdt(memory, kFlatCode32, r));
  r.cr0 = hw::cr0::kPe | hw::cr0::kEt;
  r.rip = entry.value;
  r.gpr[hw::kRsp] = layout::kInitialStack.value;
  r.idtr = {.base = 0, .limit = 0};
  return r;
}

Result<Registers> long_mode_registers(hw::PhysicalMemory& memory, GuestPhysical entry) {
  Registers r;
  BOOST_OUTCOME_TRY(write_gdt(memory, kFlatCode64, r));
  if (!write_identity_map(memory)) return fail(ExitCode::kUsage, text::tr("vmm.boot.ram-too-small", memory.size() >> 20));
  r.cr0 = hw::cr0::kPe | hw::cr0::kEt | hw::cr0::kPg;
  r.cr3 = layout::kPageTables.value;
  r.cr4 = hw::cr4::kPae;
  r.efer = hw::efer::kLme | hw::efer::kLma;
  r.rip = entry.value;
  r.gpr[hw::kRsp] = layout::kInitialStack.value;
  r.idtr = {.base = 0, .limit = 0};
  return r;
}

}  // namespace ringside::vmm
