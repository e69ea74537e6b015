// The hypercalls one by one: what they do, what they refuse, and what their batches cost.
#include "tests/catch.h"

#include "hwmodel/cost/profile.h"
#include "vmm/techniques/pv/testing/small_guest.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::pv;
using namespace ringside::vmm::pv::testing;

namespace {

constexpr uint64_t kBad = 0xdead'0000'0000, kUnmapped = 0x7000'0000'0000;

void check_counts(SmallGuest& g) {
  const auto problem = g.paging.inconsistency();
  INFO(problem.value_or(""));
  CHECK_FALSE(problem);
}

}  // namespace

TEST_CASE("A guest starts with its tables checked and its pages shared") {
  SmallGuest g;
  check_counts(g);
  CHECK(g.info.pages == 512);
  CHECK(g.frame_at(g.free(0)).value != (g.free(0) - SmallGuest::kBase) >> 12);  // pseudo-physical is not machine
  CHECK(g.at<uint32_t>(g.info.p2m + 4 * 20) == g.pages.frame(20).value);
  CHECK(g.at<uint32_t>(g.info.m2p + 4 * g.pages.frame(20).value) == 20);
  CHECK(g.at<uint32_t>(g.info.m2p) == kPvNoPage);
  CHECK(std::string(g.info.command_line) == "test");
  CHECK(g.info.block_sectors == 64);
  CHECK(g.domain->events.masked());
  // The tables are mapped, but not for writing; the shared pages cannot become tables.
  CHECK_FALSE(g.paging.translate(g.info.table_base, DirectPaging::Access::kWrite));
  CHECK(g.paging.translate(g.info.table_base, DirectPaging::Access::kRead));
  for (const uint64_t page : {g.info.shared_info, g.info.console_ring, g.info.block_ring}) {
    CHECK(g.remap(page, 1) == 0);
    CHECK(g.extended(kPvPinL1, g.frame_at(page).value) == kPvErrorBusy);
  }
}

TEST_CASE("Unknown hypercalls fail cleanly") {
  SmallGuest g;
  for (uint64_t number = 0; number < 70; ++number)
    if (!find_hypercall(number)) CHECK(g.call(number) == kPvErrorNoSuchCall);
  CHECK(g.call(~0ull) == kPvErrorNoSuchCall);
  CHECK(g.call(kPvMmuUpdate + (1ull << 32)) == kPvErrorNoSuchCall);
}

TEST_CASE("A hypercall changes rax, rcx, r11 and rip only") {
  SmallGuest g;
  auto& c = g.domain->context;
  for (unsigned r = 0; r < 16; ++r) c.gpr[r] = 0x1000 + r;
  c.rip = 0x5000;
  c.rflags = 0x202;
  const auto before = c.gpr;
  c.gpr[hw::kRax] = 999;
  g.engine->begin();
  CHECK(c.gpr[hw::kRax] == static_cast<uint64_t>(kPvErrorNoSuchCall));
  CHECK(c.rip == 0x5002);
  CHECK(c.gpr[hw::kRcx] == 0x5002);
  CHECK(c.gpr[hw::kR11] == 0x202);
  for (unsigned r : {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15}) CHECK(c.gpr[r] == before[r]);
}

TEST_CASE("mmu_update") {
  SmallGuest g;
  const uint64_t page = g.free(20), entry = g.entry_address(page), machine = address_of(g.frame_at(page)).value;
  uint32_t& done = g.at<uint32_t>(g.free(5));
  auto* requests = &g.at<pv_mmu_update>(g.free(1));

  SECTION("takes a batch and tells how much was done") {
    requests[0] = {entry, machine | 1};
    requests[1] = {entry + 8, 0};
    CHECK(g.call(kPvMmuUpdate, {g.free(1), 2, g.free(5)}) == 0);
    CHECK(done == 2);
    CHECK_FALSE(g.paging.translate(page, DirectPaging::Access::kWrite));
    CHECK_FALSE(g.paging.translate(page + 4096, DirectPaging::Access::kRead));
    CHECK(g.records.back().items == 2);
  }
  SECTION("stops at the first request that is refused") {
    requests[0] = {entry, machine | 1};
    requests[1] = {entry + 8, 0x1000 | 7};
    requests[2] = {entry + 16, 0};
    CHECK(g.call(kPvMmuUpdate, {g.free(1), 3, g.free(5)}) == kPvErrorInvalid);
    CHECK(done == 1);
    CHECK(g.paging.translate(page + 8192, DirectPaging::Access::kRead));
  }
  SECTION("refuses unknown commands, bad pointers, too many") {
    CHECK(g.update(entry | 1, 0) == kPvErrorNoSuchCall);
    CHECK(g.update(entry | 3, 0) == kPvErrorNoSuchCall);
    CHECK(g.call(kPvMmuUpdate, {kBad, 1, 0}) == kPvErrorFault);
    CHECK(g.call(kPvMmuUpdate, {kUnmapped, 1, 0}) == kPvErrorFault);
    CHECK(g.call(kPvMmuUpdate, {~0ull - 7, 2, 0}) == kPvErrorFault);
    CHECK(g.call(kPvMmuUpdate, {g.free(1), 0, kBad}) == kPvErrorFault);
    CHECK(g.call(kPvMmuUpdate, {g.free(1), 0, g.info.table_base}) == kPvErrorFault);
    CHECK(g.call(kPvMmuUpdate, {g.free(1), kPvMostUpdates + 1, 0}) == kPvErrorTooBig);
    CHECK(g.call(kPvMmuUpdate, {g.free(1), ~0ull, 0}) == kPvErrorTooBig);
    CHECK(g.call(kPvMmuUpdate, {g.free(1), 0, 0}) == 0);
  }
  check_counts(g);
}

TEST_CASE("update_va_mapping finds the entry by address") {
  SmallGuest g;
  g.paging.flush().clear();
  CHECK(g.remap(g.free(20), 1) == 0);
  CHECK(g.paging.flush().pages == std::vector<uint64_t>{g.free(20)});
  CHECK_FALSE(g.paging.translate(g.free(20), DirectPaging::Access::kWrite));
  CHECK(g.call(kPvUpdateVaMapping, {g.free(20), 0, kPvFlushAll}) == 0);
  CHECK(g.paging.flush().all);
  CHECK(g.call(kPvUpdateVaMapping, {g.free(20), 0, 3}) == kPvErrorInvalid);
  CHECK(g.call(kPvUpdateVaMapping, {kUnmapped, 0, 0}) == kPvErrorInvalid);
  CHECK(g.call(kPvUpdateVaMapping, {0xffff'8080'0000'0000, 7, 0}) == kPvErrorInvalid);
  CHECK(g.call(kPvUpdateVaMapping, {g.free(21), address_of(g.frame_at(g.info.table_base)).value | 3, 0}) == kPvErrorBusy);
  check_counts(g);
}

TEST_CASE("New page tables by hypercalls only") {
  SmallGuest g;
  // A second root with one page, built in ordinary memory, made read-only, loaded.
  const uint64_t l4 = g.free(16), l3 = g.free(17), l2 = g.free(18), l1 = g.free(19), page = g.free(20);
  const auto machine = [&](uint64_t linear) { return address_of(g.frame_at(linear)).value; };
  g.at<uint64_t>(l4) = machine(l3) | 7;
  g.at<uint64_t>(l3) = machine(l2) | 7;
  g.at<uint64_t>(l2) = machine(l1) | 7;
  g.at<uint64_t>(l1) = machine(page) | 7;
  CHECK(g.extended(kPvNewUserBase, g.frame_at(l4).value) == kPvErrorBusy);  // still writable
  for (const uint64_t table : {l4, l3, l2, l1}) REQUIRE(g.remap(table, 1) == 0);
  CHECK(g.extended(kPvNewUserBase, g.frame_at(l4).value) == 0);
  CHECK(g.remap(l1, 3) == kPvErrorBusy);
  CHECK(g.extended(kPvPinL4, g.frame_at(l4).value) == 0);
  CHECK(g.extended(kPvNewUserBase, 0) == 0);
  CHECK(g.remap(l1, 3) == kPvErrorBusy);
  CHECK(g.extended(kPvUnpin, g.frame_at(l4).value) == 0);
  CHECK(g.extended(kPvUnpin, g.frame_at(l4).value) == kPvErrorInvalid);
  for (const uint64_t table : {l4, l3, l2, l1}) CHECK(g.remap(table, 3) == 0);
  check_counts(g);
}

TEST_CASE("A multicall carries out its calls in order, each with its result") {
  SmallGuest g;
  auto* calls = &g.at<pv_multicall_entry>(g.free(1));
  calls[0] = {kPvStackSwitch, 1, {kPvFlatData, 0x1234}};
  calls[1] = {999, 1, {}};
  calls[2] = {kPvIret, 1, {}};
  calls[3] = {kPvMulticall, 1, {g.free(1), 1}};
  calls[4] = {kPvSchedOp, 1, {kPvSchedShutdown, 0}};
  calls[5] = {kPvFpuTaskswitch, 1, {1}};
  CHECK(g.call(kPvMulticall, {g.free(1), 6}) == 0);
  CHECK(calls[0].result == 0);
  CHECK(g.domain->cpu.kernel_sp == 0x1234);
  CHECK(calls[1].result == kPvErrorNoSuchCall);
  for (unsigned i = 2; i < 5; ++i) CHECK(calls[i].result == kPvErrorInvalid);
  CHECK(calls[5].result == 0);
  CHECK(g.domain->cpu.task_switched);
  CHECK(g.records.back().items == 6);
  CHECK(g.call(kPvMulticall, {g.free(1), kPvMostCalls + 1}) == kPvErrorTooBig);
  CHECK(g.call(kPvMulticall, {kBad, 1}) == kPvErrorFault);
  CHECK(g.call(kPvMulticall, {g.info.table_base, 1}) == kPvErrorFault);  // results cannot be written
}

TEST_CASE("Long hypercalls are done in slices that the guest does not see") {
  for (const uint64_t slice : {8u, 13u, 50u, 513u}) {
    SmallGuest g({.slice = slice});
    // A table full of read-only mappings, pinned, unpinned and pinned again within one multicall.
    const uint64_t table = g.free(16), frame = g.frame_at(table).value;
    for (unsigned i = 0; i < 512; ++i) (&g.at<uint64_t>(table))[i] = address_of(g.frame_at(g.free(i % 64))).value | 1;
    auto* ops = &g.at<pv_mmuext_op>(g.free(2));
    ops[0] = {kPvPinL1, 0, frame};
    ops[1] = {kPvUnpin, 0, frame};
    ops[2] = {kPvPinL1, 0, frame};
    auto* calls = &g.at<pv_multicall_entry>(g.free(1));
    calls[0] = {kPvUpdateVaMapping, 1, {table, address_of(MachineFrame(frame)).value | 1, kPvFlushPage}};
    calls[1] = {kPvMmuextOp, 1, {g.free(2), 3, g.free(5)}};
    calls[2] = {kPvVersion, 1, {kPvVersionNumber}};
    CHECK(g.call(kPvMulticall, {g.free(1), 3}) == 0);
    CHECK(calls[0].result == 0);
    CHECK(calls[1].result == 0);
    CHECK(g.at<uint32_t>(g.free(5)) == 3);
    CHECK(calls[2].result == kPvInterfaceMajor << 16);
    CHECK(g.frames.guest(MachineFrame(frame))->pinned);
    CHECK(g.slices >= 3 * 512 / slice);
    CHECK(g.records.size() == 1);
    CHECK(g.records.back().items == 5);
    check_counts(g);
  }
}

TEST_CASE("set_gdt shows the guest's descriptors and holds their frames") {
  for (const uint64_t slice : {9ull, 1000ull, 100000ull}) {
    SmallGuest g({.slice = slice});
    uint64_t* frames = &g.at<uint64_t>(g.free(1));
    for (unsigned i = 0; i < 3; ++i) frames[i] = g.frame_at(g.free(20 + i)).value;
    (&g.at<uint64_t>(g.free(20)))[4] = 0x00affb000000ffff;
    CHECK(g.call(kPvSetGdt, {g.free(1), 512 * 3}) == kPvErrorBusy);  // mapped writable
    for (unsigned i = 0; i < 3; ++i) REQUIRE(g.remap(g.free(20 + i), 1) == 0);
    CHECK(g.call(kPvSetGdt, {g.free(1), 512 * 3}) == 0);
    CHECK(g.window.shown.size() == 3);
    CHECK(g.domain->descriptors.load(0x23, Descriptors::For::kCode));
    CHECK_FALSE(g.domain->descriptors.load(0x23, Descriptors::For::kStack));
    CHECK_FALSE(g.domain->descriptors.load(0x2b, Descriptors::For::kCode));
    CHECK(g.domain->descriptors.load(kPvFlatCode64, Descriptors::For::kCode));
    CHECK(g.remap(g.free(21), 3) == kPvErrorBusy);
    frames[1] = 3;
    CHECK(g.call(kPvSetGdt, {g.free(1), 512 * 3}) == kPvErrorInvalid);
    CHECK(g.window.shown.size() == 3);
    CHECK(g.call(kPvSetGdt, {g.free(1), kPvMostDescriptors + 1}) == kPvErrorInvalid);
    CHECK(g.call(kPvSetGdt, {0, 0}) == 0);
    CHECK(g.window.shown.empty());
    CHECK(g.remap(g.free(21), 3) == 0);
    check_counts(g);
  }
}

TEST_CASE("set_trap_table, set_callbacks, set_segment_base, stack_switch") {
  SmallGuest g;
  auto* traps = &g.at<pv_trap_info>(g.free(1));
  traps[0] = {13, 0, 0, 0, 0x1000};
  traps[1] = {0x80, 3 | kPvTrapMasksEvents, 0, 0, 0x2000};
  traps[2] = {};
  CHECK(g.call(kPvSetTrapTable, {g.free(1)}) == 0);
  CHECK(g.domain->cpu.trap[13].address == 0x1000);
  CHECK(g.domain->cpu.trap[0x80].privilege == 3);
  CHECK(g.domain->cpu.trap[0x80].masks_events);
  CHECK(g.call(kPvSetTrapTable, {kBad}) == kPvErrorFault);
  traps[0].address = kUnmapped << 1;
  CHECK(g.call(kPvSetTrapTable, {g.free(1)}) == kPvErrorInvalid);
  CHECK(g.domain->cpu.trap[13].address == 0x1000);
  for (unsigned i = 0; i < 300; ++i) g.at<pv_trap_info>(g.free(1) + i * sizeof(pv_trap_info)) = {static_cast<uint8_t>(i), 0, 0, 0, 0x1000};
  CHECK(g.call(kPvSetTrapTable, {g.free(1)}) == kPvErrorTooBig);  // a list without an end
  CHECK(g.call(kPvSetTrapTable, {0}) == 0);
  CHECK(g.domain->cpu.trap[0x80].address == 0);

  CHECK(g.call(kPvSetCallbacks, {1, 2, 3}) == 0);
  CHECK(g.call(kPvSetCallbacks, {1, 1ull << 47, 3}) == kPvErrorInvalid);
  CHECK(g.call(kPvSetSegmentBase, {kPvGsBaseUser, 0x5000}) == 0);
  CHECK(g.call(kPvSetSegmentBase, {kPvGsBaseKernel, 0x6000}) == 0);
  CHECK(g.domain->context.segment[hw::kGs].base == 0x6000);
  g.domain->cpu.enter_view(View::kUser, g.domain->context);
  CHECK(g.domain->context.segment[hw::kGs].base == 0x5000);
  g.domain->cpu.enter_view(View::kKernel, g.domain->context);
  CHECK(g.call(kPvSetSegmentBase, {kPvFsBase, 1ull << 60}) == kPvErrorInvalid);
  CHECK(g.call(kPvSetSegmentBase, {7, 0}) == kPvErrorInvalid);
  CHECK(g.call(kPvStackSwitch, {0x10, 0}) == kPvErrorInvalid);
}

TEST_CASE("Event channels") {
  SmallGuest g;
  pv_event_channel c{kPvVirqTimer, 0, 0, 0};
  REQUIRE(g.call_with(kPvEventChannelOp, kPvBindVirq, c) == 0);
  const uint32_t timer = c.port;
  CHECK(timer != g.info.console_port);
  CHECK(g.call_with(kPvEventChannelOp, kPvBindVirq, c) == kPvErrorExists);
  CHECK(g.call_with(kPvEventChannelOp, kPvEventStatus, c) == 0);
  CHECK(c.status == kPvEventVirq);
  CHECK(g.call_with(kPvEventChannelOp, kPvSendEvent, c) == kPvErrorInvalid);  // a virq is not the guest's to send

  g.shared().event_mask[timer / 64] |= 1ull << timer % 64;
  g.domain->cpu.timer = 100;
  g.domain->time_is(99);
  CHECK_FALSE(g.shared().event_pending[timer / 64] >> timer % 64 & 1);
  g.domain->time_is(100);
  CHECK((g.shared().event_pending[timer / 64] >> timer % 64 & 1));
  CHECK_FALSE(g.domain->events.pending());  // masked
  CHECK(g.call_with(kPvEventChannelOp, kPvUnmaskEvent, c) == 0);
  CHECK(g.domain->events.pending());
  CHECK((g.shared().vcpu[0].pending_sel >> timer / 64 & 1));
  CHECK_FALSE(g.domain->callback_due());
  g.shared().vcpu[0].upcall_mask = 0;
  CHECK(g.domain->callback_due());

  CHECK(g.call_with(kPvEventChannelOp, kPvCloseEvent, c) == 0);
  CHECK(g.call_with(kPvEventChannelOp, kPvCloseEvent, c) == kPvErrorInvalid);
  CHECK(g.call_with(kPvEventChannelOp, kPvUnmaskEvent, c) == kPvErrorInvalid);
  c = {5, 0, 0, 0};
  CHECK(g.call_with(kPvEventChannelOp, kPvBindVirq, c) == kPvErrorInvalid);
  c = {kPvVirqTimer, 1, 0, 0};
  CHECK(g.call_with(kPvEventChannelOp, kPvBindVirq, c) == kPvErrorNoEntry);
  for (const uint32_t port : {0u, 4096u, ~0u}) {
    c = {0, 0, port, 0};
    CHECK(g.call_with(kPvEventChannelOp, kPvSendEvent, c) == kPvErrorInvalid);
    CHECK(g.call_with(kPvEventChannelOp, kPvCloseEvent, c) == kPvErrorInvalid);
  }
  CHECK(g.call(kPvEventChannelOp, {kPvSendEvent, kBad}) == kPvErrorFault);
  CHECK(g.call_with(kPvEventChannelOp, 77, c) == kPvErrorNoSuchCall);
}

TEST_CASE("Waiting, yielding, ending") {
  SmallGuest g;
  CHECK(g.call(kPvSchedOp, {kPvSchedYield}) == 0);
  CHECK(g.domain->events.masked());
  g.call(kPvSchedOp, {kPvSchedBlock});
  CHECK(std::holds_alternative<WantsEvent>(g.last));
  CHECK_FALSE(g.domain->events.masked());
  g.domain->events.raise(g.info.console_port);
  CHECK(g.call(kPvSchedOp, {kPvSchedBlock}) == 0);  // nothing to wait for
  CHECK_FALSE(g.call(kPvSchedOp, {kPvSchedShutdown, kPvShutdownCrash}));
  CHECK(std::get<WantsShutdown>(g.last).reason == kPvShutdownCrash);
  CHECK(g.call(kPvSchedOp, {kPvSchedShutdown, 9}) == kPvErrorInvalid);
  CHECK(g.call(kPvSchedOp, {9}) == kPvErrorNoSuchCall);
  CHECK(g.call(kPvSetTimerOp, {12345}) == 0);
  CHECK(g.domain->cpu.timer == 12345u);
  CHECK(g.call(kPvSetTimerOp, {0}) == 0);
  CHECK_FALSE(g.domain->cpu.timer);
}

TEST_CASE("Version, emergency console, ports") {
  SmallGuest g;
  CHECK(g.call(kPvVersion, {kPvVersionNumber}) == (kPvInterfaceMajor << 16 | kPvInterfaceMinor));
  pv_feature_info features{0, 0};
  CHECK(g.call_with(kPvVersion, kPvVersionFeatures, features) == 0);
  CHECK((features.bits & kPvFeatureBlock));
  CHECK(g.call(kPvVersion, {kPvVersionExtra, g.free(1)}) == 0);
  CHECK(std::string(&g.at<char>(g.free(1))) == "-ringside");
  CHECK(g.call(kPvVersion, {kPvVersionExtra, g.info.table_base}) == kPvErrorFault);
  CHECK(g.call(kPvVersion, {44}) == kPvErrorNoSuchCall);

  std::memcpy(&g.at<char>(g.free(1)), "help", 4);
  CHECK(g.call(kPvConsoleIo, {kPvConsoleWrite, 4, g.free(1)}) == 4);
  CHECK(g.host.printed == "help");
  CHECK(g.call(kPvConsoleIo, {kPvConsoleWrite, 4097, g.free(1)}) == kPvErrorTooBig);
  CHECK(g.call(kPvConsoleIo, {kPvConsoleWrite, 4, kBad}) == kPvErrorFault);
  CHECK(g.call(kPvConsoleIo, {5, 4, g.free(1)}) == kPvErrorNoSuchCall);

  pv_port_access access{0x80, 1, 0, 0};
  CHECK(g.call_with(kPvPhysdevOp, kPvPortAccess, access) == 0);
  CHECK(access.value == 0xff);
  access.size = 3;
  CHECK(g.call_with(kPvPhysdevOp, kPvPortAccess, access) == kPvErrorInvalid);
  CHECK(g.call(kPvPhysdevOp, {kPvPortAccess, kBad}) == kPvErrorFault);
}

TEST_CASE("E12: k updates need ceil(k / 2048) hypercalls, and a full one maps 8 MiB") {
  CHECK(kPvMostUpdates * kPageSize == 8 << 20);
  SmallGuest g({.bytes = 6 << 20});
  // Four level-1 tables for 2048 pages of address space, mapped to the frames there are, by one queue as a kernel has it.
  const auto queue = g.free(40);  // 8 pages: 2048 requests
  auto* requests = &g.at<pv_mmu_update>(queue);
  std::vector<uint64_t> entries;
  for (unsigned i = 0; i < 4; ++i) {
    const uint64_t table = g.free(16 + i);
    REQUIRE(g.remap(table, 1) == 0);
    REQUIRE(g.extended(kPvPinL1, g.frame_at(table).value) == 0);
    for (unsigned n = 0; n < 512; ++n) entries.push_back(address_of(g.frame_at(table)).value + n * 8);
  }
  for (const unsigned k : {1u, 2047u, 2048u, 2049u, 4096u, 5000u}) {
    const size_t before = g.records.size();
    for (unsigned done = 0; done < k;) {
      const unsigned part = std::min<unsigned>(k - done, kPvMostUpdates);
      for (unsigned i = 0; i < part; ++i) {
        pv_mmu_update& r = *reinterpret_cast<pv_mmu_update*>(&g.at<uint8_t>(queue + i * sizeof(pv_mmu_update)));
        r = {entries[i], address_of(g.frame_at(g.free(60 + i % 100))).value | 3};
      }
      REQUIRE(g.call(kPvMmuUpdate, {queue, part, 0}) == 0);
      CHECK(g.records.back().items == part);
      done += part;
    }
    CHECK(g.records.size() - before == (k + kPvMostUpdates - 1) / kPvMostUpdates);
  }
  CHECK(requests != nullptr);
  check_counts(g);
}
