// Registers: privilege, code size, linear address, and conversion to and from the modelled CPU's state.
#include "vmm/core/registers.h"

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::vmm;

TEST_CASE("reset values are those of the manual") {
  const Registers r = reset_registers();
  CHECK(r.rip == 0xfff0);
  CHECK(r.linear_rip() == 0xfffffff0);
  CHECK(r.segment[hw::kCs].selector == 0xf000);
  CHECK(r.cr0 == 0x60000010);
  CHECK(r.rflags == 2);
  CHECK(r.cpl() == 0);
  CHECK(r.code_bits() == 16);
}

TEST_CASE("privilege and code size follow the mode") {
  Registers r = reset_registers();
  r.segment[hw::kSs].rights |= 3 << hw::access_rights::kDplShift;
  CHECK(r.cpl() == 0);  // real mode has none
  r.cr0 |= hw::cr0::kPe;
  CHECK(r.cpl() == 3);
  r.segment[hw::kSs].rights &= ~(3u << hw::access_rights::kDplShift);
  r.rflags |= hw::rflags::kVm;
  CHECK(r.cpl() == 3);  // virtual-8086 mode
  CHECK(r.code_bits() == 16);
  r.rflags &= ~hw::rflags::kVm;
  r.segment[hw::kCs].rights |= hw::access_rights::kDb;
  CHECK(r.code_bits() == 32);
  r.segment[hw::kCs].rights ^= hw::access_rights::kDb | hw::access_rights::kL;
  CHECK(r.code_bits() == 16);  // L means nothing outside long mode
  r.efer = hw::efer::kLma;
  CHECK(r.code_bits() == 64);
}

TEST_CASE("conversion to the modelled CPU and back keeps every register") {
  Registers r = reset_registers();
  for (unsigned i = 0; i < 16; ++i) r.gpr[i] = 0x1111111111111111ull * i;
  for (unsigned i = 0; i < 6; ++i) r.segment[i] = {.base = i * 0x1000ull, .limit = i, .selector = static_cast<uint16_t>(i * 8), .rights = 0x93};
  r.rflags = 0x246;
  r.cr2 = 2, r.cr3 = 3, r.cr4 = 4, r.cr8 = 8, r.efer = 0xd01;
  r.gdtr = {.base = 5, .limit = 6};
  r.tr.selector = 0x28;
  hw::CpuState state;
  state.mxcsr = 0x1234;
  apply_registers(r, state);
  CHECK(state.mxcsr == 0x1234);
  const Registers back = registers_of(state);
  CHECK(back.gpr == r.gpr);
  CHECK(back.rflags == r.rflags);
  CHECK(to_text(back) == to_text(r));
  CHECK(back.efer == 0xd01);
  CHECK(back.gdtr.limit == 6);
}
