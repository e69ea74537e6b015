// Messages between several local APICs: destinations, shorthands, arbitration, start-up.
#include "hwmodel/platform/apic_bus.h"

#include <string>
#include <tuple>
#include <vector>

#include "hwmodel/platform/chipset_fixture.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

TEST_CASE("physical, broadcast and shorthand IPIs") {
  ChipsetFixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) f.enable_apic(cpu);
  const auto who = [&] {
    std::string all;
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
      if (f.take(cpu) == 0x60) all += static_cast<char>('0' + cpu);
      f.set_apic(kEoi, 0, cpu);
    }
    return all;
  };
  f.set_apic(kIcrHigh, 2u << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who() == "2");
  f.set_apic(kIcrHigh, 0xffu << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who() == "012");
  f.set_apic(kIcr, 0x80060, 1);
  CHECK(who() == "012");
  f.set_apic(kIcr, 0xc0060, 1);
  CHECK(who() == "02");
  f.set_apic(kIcr, 0x40060, 1);
  CHECK(who() == "1");
  f.set_apic(kIcrHigh, 9u << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who().empty());
}

TEST_CASE("logical destinations: flat, cluster and x2APIC") {
  ChipsetFixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.enable_apic(cpu);
    f.set_apic(kLdr, 1u << (24 + cpu), cpu);
  }
  f.route(4, 0x34 | kLogical, 0x06);
  f.chipset.set_irq(4, true);
  CHECK_FALSE(f.pending(0));
  CHECK(f.take(1) == 0x34);
  CHECK(f.take(2) == 0x34);

  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.set_apic(kEoi, 0, cpu);
    f.set_apic(kDfr, 0x0fffffff, cpu);
    f.set_apic(kLdr, (0x10u | 1u << cpu) << 24, cpu);
  }
  f.set_apic(kIcrHigh, 0x15u << 24);
  f.set_apic(kIcr, kLogical | 0x40);
  CHECK(f.take(0) == 0x40);
  CHECK_FALSE(f.pending(1));
  CHECK(f.take(2) == 0x40);
  f.set_apic(kIcrHigh, 0x2fu << 24);  // another cluster
  f.set_apic(kIcr, kLogical | 0x41);
  f.set_apic(kIcrHigh, 0xf2u << 24);  // member 1 of all clusters
  f.set_apic(kIcr, kLogical | 0x42);
  CHECK(f.take(1) == 0x42);

  ChipsetFixture x(20);
  for (unsigned cpu = 0; cpu < 20; ++cpu) {
    REQUIRE(x.chipset.write_msr(cpu, kMsrBase, cpu ? 0xfee00c00 : kX2apicBase));
    REQUIRE(x.chipset.write_msr(cpu, 0x80f, 0x1ff));
  }
  CHECK(x.msr(0x80d, 17) == 0x00010002);
  REQUIRE(x.chipset.write_msr(0, 0x830, 0x00010003'00000000 | kLogical | 0x50));
  CHECK(x.take(16) == 0x50);
  CHECK(x.take(17) == 0x50);
  CHECK_FALSE(x.pending(18));
  CHECK_FALSE(x.pending(1));
}

TEST_CASE("lowest priority goes to one CPU") {
  ChipsetFixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.enable_apic(cpu);
    f.set_apic(kLdr, 1u << (24 + cpu), cpu);
  }
  f.chipset.set_task_priority(0, 3);
  f.chipset.set_task_priority(1, 1);
  f.chipset.set_task_priority(2, 1);
  f.route(4, 0x100 | 0x44 | kLogical, 0x07);
  f.chipset.set_irq(4, true);
  CHECK_FALSE(f.pending(0));
  CHECK(f.take(1) == 0x44);
  CHECK_FALSE(f.pending(2));
}

TEST_CASE("NMI, INIT and SIPI reach the other CPU") {
  ChipsetFixture f(2);
  std::vector<std::tuple<char, unsigned, unsigned>> events;
  f.chipset.on_init = [&](unsigned cpu) { events.emplace_back('I', cpu, 0); };
  f.chipset.on_startup = [&](unsigned cpu, uint8_t vector) { events.emplace_back('S', cpu, vector); };
  f.set_apic(kIcrHigh, 1u << 24);
  f.set_apic(kIcr, 0x0000c500);  // INIT assert, as Linux's wakeup_secondary_cpu_via_init
  f.set_apic(kIcr, 0x00008500);  // and de-assert, which does nothing
  f.set_apic(kIcr, 0x0000069f);
  CHECK(events == std::vector<std::tuple<char, unsigned, unsigned>>{{'I', 1, 0}, {'S', 1, 0x9f}});
  f.attention.clear();
  f.set_apic(kIcr, 0x00000400);
  CHECK(f.attention == std::vector<unsigned>{1});
  CHECK(f.chipset.nmi_pending(1));
  CHECK_FALSE(f.chipset.nmi_pending(0));
  f.chipset.acknowledge_nmi(1);
  CHECK_FALSE(f.chipset.nmi_pending(1));
}
