// The device bus: who answers where, and claims that clash.
#include "hwmodel/platform/bus.h"

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

class NamedDevice final : public Device {
 public:
  explicit NamedDevice(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  uint64_t read(uint64_t, unsigned) override { return 0; }
  void write(uint64_t, unsigned, uint64_t) override {}

 private:
  std::string_view name_;
};

}  // namespace

TEST_CASE("ports find their device and offset; others find nobody") {
  Bus bus;
  NamedDevice uart("uart"), clock("clock");
  REQUIRE(bus.claim_ports(0x3f8, 8, uart));
  REQUIRE(bus.claim_ports(0x70, 2, clock));
  CHECK(bus.find_port(0x3f8).device == &uart);
  CHECK(bus.find_port(0x3fd).offset == 5);
  CHECK(bus.find_port(0x3ff).device == &uart);
  CHECK(bus.find_port(0x400).device == nullptr);
  CHECK(bus.find_port(0x3f7).device == nullptr);
  CHECK(bus.find_port(0x71).device == &clock);
  CHECK(bus.find_port(0).device == nullptr);
  CHECK(bus.find_port(0xffff).device == nullptr);
}

TEST_CASE("MMIO ranges reach the end of the address space") {
  Bus bus;
  NamedDevice low("low"), high("high");
  REQUIRE(bus.claim_mmio(GuestPhysical(0xffffffffffffff00), 0x100, high));
  REQUIRE(bus.claim_mmio(GuestPhysical(0xe0000000), 0x1000, low));
  CHECK(bus.find_mmio(GuestPhysical(~uint64_t{0})).device == &high);
  CHECK(bus.find_mmio(GuestPhysical(~uint64_t{0})).offset == 0xff);
  CHECK(bus.find_mmio(GuestPhysical(0xe0000fff)).offset == 0xfff);
  CHECK(bus.find_mmio(GuestPhysical(0xe0001000)).device == nullptr);
}

TEST_CASE("overlapping and impossible claims are refused with both names") {
  Bus bus;
  NamedDevice first("first"), second("second");
  REQUIRE(bus.claim_ports(0x100, 0x10, first));
  for (const uint16_t start : {0x100, 0x10f, 0xf8, 0xf1}) {
    const auto result = bus.claim_ports(start, 0x10, second);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ExitCode::kUsage);
    CHECK(result.error().message.find("second") != std::string::npos);
    CHECK(result.error().message.find("first") != std::string::npos);
  }
  CHECK_FALSE(bus.claim_ports(0x80, 0x1000, second));  // around it
  CHECK(bus.claim_ports(0xf0, 0x10, second));          // up to it
  CHECK(bus.claim_ports(0x110, 1, second));            // behind it
  CHECK_FALSE(bus.claim_ports(0xfff8, 9, second));
  CHECK(bus.claim_ports(0xfff8, 8, second));
  CHECK_FALSE(bus.claim_ports(0x200, 0, second));
  CHECK_FALSE(bus.claim_mmio(GuestPhysical(0x1000), 0, second));
  CHECK_FALSE(bus.claim_mmio(GuestPhysical(0xfffffffffffff000), 0x1001, second));
}
