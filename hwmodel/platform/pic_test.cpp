// The 8259A pair, programmed as kernels do it: remap, mask, nested service, EOI forms, poll, level lines.
#include "hwmodel/platform/pic.h"

#include <vector>

#include "tests/catch.h"

using namespace ringside::hw;

namespace {

constexpr unsigned kMaster = 0, kSlave = 1, kCommand = 0, kData = 1;
constexpr uint8_t kEoi = 0x20;

struct Fixture {
  std::vector<bool> changes;
  PicPair pic{[this](bool level) { changes.push_back(level); }};

  // As Linux's init_8259A and every OS tutorial: vectors 0x20 and 0x28, ICW4 as given, nothing masked.
  explicit Fixture(uint8_t master_icw4 = 0x01, uint8_t slave_icw4 = 0x01) {
    for (const unsigned unit : {kMaster, kSlave}) {
      pic.write(unit, kCommand, 0x11);
      pic.write(unit, kData, unit ? 0x28 : 0x20);
      pic.write(unit, kData, unit ? 0x02 : 0x04);
      pic.write(unit, kData, unit ? slave_icw4 : master_icw4);
      pic.write(unit, kData, 0x00);
    }
  }
  void pulse(unsigned line) {
    pic.set_line(line, false);
    pic.set_line(line, true);
  }
  uint8_t in_service(unsigned unit) {
    pic.write(unit, kCommand, 0x0b);
    return pic.read(unit, kCommand);
  }
  uint8_t requests(unsigned unit) {
    pic.write(unit, kCommand, 0x0a);
    return pic.read(unit, kCommand);
  }
};

}  // namespace

TEST_CASE("before initialisation everything is masked") {
  PicPair pic([](bool) {});
  for (unsigned line = 0; line < 16; ++line) pic.set_line(line, true);
  CHECK_FALSE(pic.output());
}

TEST_CASE("an edge interrupts once, with the remapped vector, and waits for EOI") {
  Fixture f;
  f.pic.set_line(0, true);
  CHECK(f.changes == std::vector<bool>{true});
  CHECK(f.requests(kMaster) == 0x01);
  CHECK(f.pic.acknowledge() == 0x20);
  CHECK(f.changes == std::vector<bool>{true, false});
  CHECK(f.in_service(kMaster) == 0x01);
  f.pulse(0);
  CHECK_FALSE(f.pic.output());  // requested again, but in service
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK(f.pic.output());
  CHECK(f.pic.acknowledge() == 0x20);
  f.pic.set_line(0, true);
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK_FALSE(f.pic.output());  // the line is still high: no new edge
}

TEST_CASE("the slave's vectors come through the cascade and need both EOIs") {
  Fixture f;
  f.pic.set_line(8, true);
  f.pic.set_line(14, true);
  CHECK(f.pic.acknowledge() == 0x28);
  CHECK(f.in_service(kMaster) == 0x04);
  CHECK(f.in_service(kSlave) == 0x01);
  CHECK_FALSE(f.pic.output());
  f.pic.write(kSlave, kCommand, kEoi);
  CHECK_FALSE(f.pic.output());  // the master still serves its input 2
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK(f.pic.acknowledge() == 0x2e);
  f.pic.set_line(2, true);  // nobody can pull the cascade
  f.pic.write(kSlave, kCommand, kEoi);
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK_FALSE(f.pic.output());
}

TEST_CASE("lower numbers come first and interrupt higher ones") {
  Fixture f;
  f.pic.set_line(4, true);
  f.pic.set_line(1, true);
  CHECK(f.pic.acknowledge() == 0x21);
  CHECK_FALSE(f.pic.output());
  f.pic.set_line(0, true);
  CHECK(f.pic.acknowledge() == 0x20);
  f.pic.write(kMaster, kCommand, 0x61);  // specific EOI of 1, out of order
  CHECK(f.in_service(kMaster) == 0x01);
  CHECK_FALSE(f.pic.output());
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK(f.pic.acknowledge() == 0x24);
}

TEST_CASE("the mask holds requests back without losing them") {
  Fixture f;
  f.pic.write(kMaster, kData, 0x10);
  f.pic.set_line(4, true);
  CHECK_FALSE(f.pic.output());
  CHECK(f.pic.read(kMaster, kData) == 0x10);
  f.pic.write(kMaster, kData, 0x00);
  CHECK(f.pic.acknowledge() == 0x24);
}

TEST_CASE("a request whose line falls before the acknowledge is withdrawn; then INTA finds input 7") {
  Fixture f;
  f.pic.set_line(4, true);
  f.pic.set_line(4, false);
  CHECK_FALSE(f.pic.output());
  CHECK(f.pic.acknowledge() == 0x27);    // spurious
  CHECK(f.in_service(kMaster) == 0x00);  // by which a kernel knows
}

TEST_CASE("an acknowledged slave without a request gives IRQ 15, in service only in the master") {
  Pic slave(Pic::Role::kSlave, 0x28, 0xde);
  CHECK(slave.acknowledge() == -1);
  Pic master(Pic::Role::kMaster, 0x20, 0xf8);
  master.write(0, 0x11);
  master.write(1, 0x20);
  master.write(1, 0x04);
  master.write(1, 0x01);
  master.set_line(2, true);
  CHECK(master.acknowledge() == 2);
  CHECK(master.in_service() == 0x04);
}

TEST_CASE("level lines, chosen by ELCR, interrupt until they fall") {
  Fixture f;
  f.pic.write_elcr(kSlave, 0xff);
  CHECK(f.pic.read_elcr(kSlave) == 0xde);  // 8 and 13 stay edge-triggered
  f.pic.write_elcr(kMaster, 0xff);
  CHECK(f.pic.read_elcr(kMaster) == 0xf8);
  f.pic.set_line(9, true);
  CHECK(f.pic.acknowledge() == 0x29);
  f.pic.write(kSlave, kCommand, kEoi);
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK(f.pic.acknowledge() == 0x29);  // still asserted
  f.pic.set_line(9, false);
  f.pic.write(kSlave, kCommand, kEoi);
  f.pic.write(kMaster, kCommand, kEoi);
  CHECK_FALSE(f.pic.output());
}

TEST_CASE("automatic EOI leaves nothing in service") {
  Fixture f(0x03);
  f.pic.set_line(3, true);
  CHECK(f.pic.acknowledge() == 0x23);
  CHECK(f.in_service(kMaster) == 0);
  f.pulse(3);
  CHECK(f.pic.acknowledge() == 0x23);
}

TEST_CASE("automatic EOI with rotation takes turns") {
  Fixture f(0x03);
  f.pic.write(kMaster, kCommand, 0x80);
  f.pic.set_line(3, true);
  f.pic.set_line(5, true);
  CHECK(f.pic.acknowledge() == 0x23);
  f.pulse(3);
  CHECK(f.pic.acknowledge() == 0x25);  // 3 is last now
  CHECK(f.pic.acknowledge() == 0x23);
}

TEST_CASE("rotating EOI and set priority change who comes first") {
  Fixture f;
  f.pic.write(kMaster, kCommand, 0xc3);  // 3 lowest, 4 highest
  f.pic.set_line(0, true);
  f.pic.set_line(4, true);
  CHECK(f.pic.acknowledge() == 0x24);
  f.pic.write(kMaster, kCommand, 0xa0);  // EOI, and 4 becomes the lowest
  f.pulse(4);
  f.pic.set_line(5, true);
  CHECK(f.pic.acknowledge() == 0x25);
  f.pic.write(kMaster, kCommand, 0xe5);  // specific and rotating
  CHECK(f.in_service(kMaster) == 0);
  CHECK(f.pic.acknowledge() == 0x20);
}

TEST_CASE("special mask mode lets lower priorities through a masked service") {
  Fixture f;
  f.pic.set_line(1, true);
  CHECK(f.pic.acknowledge() == 0x21);
  f.pic.set_line(6, true);
  CHECK_FALSE(f.pic.output());
  f.pic.write(kMaster, kData, 0x02);
  f.pic.write(kMaster, kCommand, 0x68);
  CHECK(f.pic.output());
  CHECK(f.pic.acknowledge() == 0x26);
  f.pic.write(kMaster, kCommand, kEoi);  // ends 6; 1 is masked and stays
  CHECK(f.in_service(kMaster) == 0x02);
  f.pic.write(kMaster, kCommand, 0x48);
  f.pulse(6);
  CHECK_FALSE(f.pic.output());
}

TEST_CASE("special fully nested mode lets the slave interrupt itself") {
  Fixture f(0x11);
  f.pic.set_line(12, true);
  CHECK(f.pic.acknowledge() == 0x2c);
  f.pic.set_line(8, true);
  CHECK(f.pic.acknowledge() == 0x28);
  Fixture plain;
  plain.pic.set_line(12, true);
  CHECK(plain.pic.acknowledge() == 0x2c);
  plain.pic.set_line(8, true);
  CHECK_FALSE(plain.pic.output());
}

TEST_CASE("a poll is an acknowledge that says which input") {
  Fixture f;
  f.pic.set_line(5, true);
  f.pic.write(kMaster, kCommand, 0x0c);
  CHECK(f.pic.read(kMaster, kCommand) == 0x85);
  CHECK(f.in_service(kMaster) == 0x20);
  CHECK_FALSE(f.pic.output());
  f.pic.write(kMaster, kCommand, 0x0c);
  CHECK(f.pic.read(kMaster, kCommand) == 0x00);
}

TEST_CASE("Linux's probe finds the mask register to hold what it wrote") {
  Fixture f;
  f.pic.write(kSlave, kData, 0xff);
  f.pic.write(kMaster, kData, 0xfb);  // [Linux arch/x86/kernel/i8259.c probe_8259A]
  CHECK(f.pic.read(kMaster, kData) == 0xfb);
}

TEST_CASE("ICW1 forgets edges; a high line must fall and rise again") {
  Fixture f;
  f.pic.set_line(5, true);
  f.pic.write(kMaster, kCommand, 0x13);  // single: no ICW3
  f.pic.write(kMaster, kData, 0x40);
  f.pic.write(kMaster, kData, 0x01);
  f.pic.write(kMaster, kData, 0x00);
  CHECK_FALSE(f.pic.output());
  f.pulse(5);
  CHECK(f.pic.acknowledge() == 0x45);
}
