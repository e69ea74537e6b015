// Direct paging: what is taken, what is refused, and that the counts are true after each.
#include "tests/catch.h"

#include <cstring>

#include "vmm/paging/direct_paging.h"

using namespace ringside;
using namespace ringside::vmm;
using View = DirectPaging::View;

namespace {

constexpr uint64_t kMonitorEntry = hw::PhysicalMemory::kMonitorStart | 3;
constexpr uint64_t kRo = 1, kRw = 3, kRwUser = 7;

// 2 MiB of RAM; the guest owns the second one: frames 256 to 511.
struct Fixture {
  explicit Fixture(uint32_t most = FrameTable::kMostReferences)
      : memory(std::move(hw::PhysicalMemory::create(2 << 20).value())), frames(memory, MachineFrame(256), most), paging(frames, kMonitorEntry) {}
  hw::PhysicalMemory memory;
  FrameTable frames;
  DirectPaging paging;

  uint64_t* table(unsigned frame) { return frames.entries(MachineFrame(frame)); }
  static uint64_t entry(unsigned frame, uint64_t flags) { return uint64_t{frame} << 12 | flags; }
  static HostPhysical slot(unsigned frame, unsigned index) { return HostPhysical(uint64_t{frame} << 12 | index * 8); }
  const FrameInfo& info(unsigned frame) { return *frames.guest(MachineFrame(frame)); }
  Answer pin(unsigned frame, unsigned level) { return paging.pin(MachineFrame(frame), level); }
  Answer unpin(unsigned frame) { return paging.unpin(MachineFrame(frame)); }
  Answer update(unsigned frame, unsigned index, uint64_t value) { return paging.update(slot(frame, index), value, KeepBits::kNone); }
  // 256 -> 257 -> 258 -> 259 -> data frames 300, 301, ...
  void build_tree(unsigned pages = 4) {
    for (unsigned level = 0; level < 3; ++level) table(256 + level)[0] = entry(257 + level, kRwUser);
    for (unsigned i = 0; i < pages; ++i) table(259)[i] = entry(300 + i, kRw);
  }
  void check() {
    const auto problem = paging.inconsistency();
    INFO(problem.value_or(""));
    CHECK_FALSE(problem);
  }
};

}  // namespace

TEST_CASE("Pinning the top table checks and counts the whole tree") {
  Fixture f;
  f.build_tree();
  f.table(259)[9] = Fixture::entry(300, kRo);
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  for (unsigned level = 4; level >= 1; --level) {
    CHECK(f.info(260 - level).type == table_type(level));
    CHECK(f.info(260 - level).type_count == 1);
  }
  CHECK(f.info(300).type == FrameType::kWritable);
  CHECK(f.info(300).type_count == 1);
  CHECK(f.info(300).count == 2);
  CHECK(f.table(259)[0] == Fixture::entry(300, kRwUser));  // the kernel runs at CPL 3 and must see its pages
  CHECK(f.table(256)[kPvMonitorSlot] == kMonitorEntry);
  f.check();
  REQUIRE(f.unpin(256) == Answer::kDone);
  REQUIRE(f.paging.drain());
  for (unsigned frame : {256u, 257u, 258u, 259u, 300u}) CHECK(f.info(frame).count == 0);
  CHECK(f.table(256)[kPvMonitorSlot] == kMonitorEntry);  // the processor may still stand there
  f.check();
}

TEST_CASE("No frame is a table and mapped writable at once") {
  Fixture f;
  f.build_tree();
  SECTION("a writable mapping of a table is refused") {
    REQUIRE(f.pin(256, 4) == Answer::kDone);
    for (unsigned table = 256; table < 260; ++table) CHECK(f.update(259, 20, Fixture::entry(table, kRw)) == Answer::kBusy);
    for (unsigned table = 256; table < 260; ++table) CHECK(f.update(259, 20, Fixture::entry(table, kRo)) == Answer::kDone);
  }
  SECTION("a table that maps itself writable is none") {
    f.table(259)[5] = Fixture::entry(259, kRw);
    CHECK(f.pin(259, 1) == Answer::kBusy);
    CHECK(f.pin(256, 4) == Answer::kBusy);
    f.table(259)[5] = Fixture::entry(259, kRo);
    CHECK(f.pin(256, 4) == Answer::kDone);
  }
  SECTION("a frame that is mapped writable does not become a table") {
    REQUIRE(f.pin(256, 4) == Answer::kDone);
    CHECK(f.pin(300, 1) == Answer::kBusy);
    CHECK(f.update(258, 1, Fixture::entry(300, kRw)) == Answer::kBusy);
    REQUIRE(f.update(259, 0, Fixture::entry(300, kRo)) == Answer::kDone);
    CHECK(f.pin(300, 1) == Answer::kDone);
    CHECK(f.update(259, 0, Fixture::entry(300, kRw)) == Answer::kBusy);
    REQUIRE(f.unpin(300) == Answer::kDone);
    CHECK(f.update(259, 0, Fixture::entry(300, kRw)) == Answer::kDone);
  }
  f.paging.drain();
  f.check();
}

TEST_CASE("A table has one level") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  for (unsigned frame = 256; frame < 260; ++frame)
    for (unsigned level = 1; level <= 4; ++level) {
      if (level != 260 - frame) CHECK(f.pin(frame, level) == (frame == 256 ? Answer::kInvalid : Answer::kBusy));
    }
  for (unsigned frame = 257; frame < 260; ++frame) CHECK(f.pin(frame, 260 - frame) == Answer::kDone);
  CHECK(f.pin(256, 4) == Answer::kInvalid);  // pinned already
  CHECK(f.pin(256, 5) == Answer::kInvalid);
  CHECK(f.pin(256, 0) == Answer::kInvalid);
  for (unsigned level = 2; level <= 4; ++level)
    CHECK(f.update(260 - level, 7, Fixture::entry(260 - level, kRw)) == Answer::kBusy);  // itself below itself
  f.check();
}

TEST_CASE("What an entry may not say") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  for (const unsigned bit : {3u, 4u, 7u, 8u}) {
    CHECK(f.update(259, 30, Fixture::entry(301, kRw | 1ull << bit)) == Answer::kInvalid);
    CHECK(f.update(258, 30, Fixture::entry(301, kRw | 1ull << bit)) == Answer::kInvalid);
    CHECK(f.update(259, 0, Fixture::entry(300, kRw | 1ull << bit)) == Answer::kInvalid);  // nor by changing flags only
  }
  CHECK(f.update(259, 30, Fixture::entry(10, kRo)) == Answer::kInvalid);              // the machine's own frame
  CHECK(f.update(259, 30, Fixture::entry(512, kRo)) == Answer::kInvalid);             // beyond RAM
  CHECK(f.update(259, 30, hw::PhysicalMemory::kMonitorStart | kRo) == Answer::kInvalid);
  CHECK(f.update(259, 30, 0x000f'ffff'ffff'f000 | kRo) == Answer::kInvalid);
  CHECK(f.update(10, 0, 0) == Answer::kInvalid);                                      // an entry that is not the guest's
  CHECK(f.paging.update(HostPhysical(~7ull), 0, KeepBits::kNone) == Answer::kInvalid);
  CHECK(f.paging.update(HostPhysical(Fixture::slot(259, 0).value + 4), 0, KeepBits::kNone) == Answer::kInvalid);
  CHECK(f.update(256, kPvMonitorSlot, 0) == Answer::kPermission);
  CHECK(f.update(256, kPvMonitorSlot, Fixture::entry(257, kRw)) == Answer::kPermission);
  CHECK(f.update(259, 30, 0x1234'5678'9abc'def0) == Answer::kDone);                   // not present: anything
  f.check();
}

TEST_CASE("A refused table leaves nothing behind") {
  Fixture f;
  f.build_tree();
  f.table(259)[511] = Fixture::entry(10, kRo);
  CHECK(f.pin(256, 4) == Answer::kInvalid);
  REQUIRE(f.paging.drain());
  for (unsigned frame = 256; frame < 310; ++frame) CHECK(f.info(frame).count == 0);
  f.check();
  f.table(259)[511] = 0;
  CHECK(f.pin(256, 4) == Answer::kDone);
  f.check();
}

TEST_CASE("Replacing an entry moves its references") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  REQUIRE(f.update(259, 0, Fixture::entry(310, kRw)) == Answer::kDone);
  CHECK(f.info(300).count == 0);
  CHECK(f.info(310).type_count == 1);
  REQUIRE(f.update(259, 0, Fixture::entry(310, kRo)) == Answer::kDone);
  CHECK(f.info(310).type_count == 0);
  CHECK(f.info(310).count == 1);
  REQUIRE(f.update(258, 0, 0) == Answer::kDone);  // the level-1 table goes, and all it maps
  REQUIRE(f.paging.drain());
  CHECK(f.info(259).count == 0);
  CHECK(f.info(310).count == 0);
  f.check();
  // A frame that is nothing is written as a page.
  CHECK(f.update(259, 1, 0x55) == Answer::kDone);
  CHECK(f.table(259)[1] == 0x55);
}

TEST_CASE("Accessed and dirty bits stay where asked for") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  f.table(259)[0] |= direct::kAccessed | direct::kDirty;
  CHECK(f.paging.update(Fixture::slot(259, 0), Fixture::entry(300, kRo), KeepBits::kAccessedDirty) == Answer::kDone);
  CHECK(f.table(259)[0] == Fixture::entry(300, kRo | 4 | direct::kAccessed | direct::kDirty));
  CHECK(f.update(259, 0, Fixture::entry(300, kRo)) == Answer::kDone);
  CHECK(f.table(259)[0] == Fixture::entry(300, kRo | 4));
}

TEST_CASE("Reference counts do not overflow") {
  Fixture f(3);
  f.build_tree(1);
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  CHECK(f.update(259, 1, Fixture::entry(300, kRw)) == Answer::kDone);
  CHECK(f.update(259, 2, Fixture::entry(300, kRo)) == Answer::kDone);
  CHECK(f.update(259, 3, Fixture::entry(300, kRo)) == Answer::kBusy);
  CHECK(f.update(259, 3, Fixture::entry(300, kRw)) == Answer::kBusy);
  CHECK(f.update(258, 1, Fixture::entry(259, kRw)) == Answer::kDone);
  CHECK(f.update(258, 2, Fixture::entry(259, kRw)) == Answer::kDone);
  CHECK(f.update(258, 3, Fixture::entry(259, kRw)) == Answer::kBusy);
  f.check();
}

TEST_CASE("Work in slices ends with the same as work at once") {
  for (const uint64_t slice : {1u, 8u, 19u, 100u, 511u, 512u, 513u, 1025u}) {
    Fixture f;
    f.build_tree(512 - 300 + 100);
    f.table(257)[511] = Fixture::entry(260, kRwUser);
    f.table(260)[511] = Fixture::entry(261, kRwUser);
    const auto sliced = [&](auto&& request) {
      for (unsigned slices = 1; slices < 100'000; ++slices) {
        f.paging.refill(slice);
        const Answer answer = request();
        f.check();
        if (answer != Answer::kAgain) return std::pair(answer, slices);
      }
      return std::pair(Answer::kAgain, 0u);
    };
    // The last pages of the tree lie outside the guest's RAM.
    CHECK(sliced([&] { return f.pin(256, 4); }).first == Answer::kInvalid);
    CHECK(sliced([&] { return f.paging.drain() ? Answer::kDone : Answer::kAgain; }).first == Answer::kDone);
    for (unsigned i = 200; i < 512; ++i) f.table(259)[i] = 0;
    const auto [pinned, pin_slices] = sliced([&] { return f.pin(256, 4); });
    CHECK(pinned == Answer::kDone);
    if (slice >= 8) CHECK(pin_slices >= 6 * 512 / slice);
    CHECK(sliced([&] { return f.unpin(256); }).first == Answer::kDone);
    CHECK(sliced([&] { return f.paging.drain() ? Answer::kDone : Answer::kAgain; }).first == Answer::kDone);
    for (unsigned frame = 256; frame < 512; ++frame) CHECK(f.info(frame).count == 0);
  }
}

TEST_CASE("A frame that changes what it is is flushed from the TLB first") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  f.paging.flush().clear();
  REQUIRE(f.update(259, 0, 0) == Answer::kDone);  // 300 was writable; a translation may survive in the processor
  CHECK_FALSE(f.paging.flush().all);
  REQUIRE(f.pin(300, 1) == Answer::kDone);
  CHECK(f.paging.flush().all);
  f.paging.flush().clear();
  REQUIRE(f.pin(310, 1) == Answer::kDone);        // never was anything
  CHECK_FALSE(f.paging.flush().all);
  REQUIRE(f.unpin(310) == Answer::kDone);
  REQUIRE(f.paging.drain());
  REQUIRE(f.update(259, 1, Fixture::entry(310, kRw)) == Answer::kDone);  // a table's entries may be remembered too
  CHECK(f.paging.flush().all);
}

TEST_CASE("Changed present entries are listed for machines with shadows of their own") {
  Fixture f;
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  f.paging.flush().clear();
  REQUIRE(f.update(259, 100, Fixture::entry(300, kRw)) == Answer::kDone);
  CHECK(f.paging.flush().edits.empty());
  REQUIRE(f.update(259, 100, 0) == Answer::kDone);
  REQUIRE(f.paging.flush().edits.size() == 1);
  CHECK(f.paging.flush().edits[0].entry == Fixture::slot(259, 100));
}

TEST_CASE("Roots of both views are references") {
  Fixture f;
  f.build_tree();
  CHECK(f.paging.load_root(View::kKernel, MachineFrame(0)) == Answer::kInvalid);
  CHECK(f.paging.load_root(View::kKernel, MachineFrame(256)) == Answer::kDone);
  CHECK(f.paging.load_root(View::kUser, MachineFrame(256)) == Answer::kDone);
  CHECK(f.info(256).type_count == 2);
  CHECK(f.paging.load_root(View::kUser, MachineFrame(257)) == Answer::kBusy);
  CHECK(f.paging.load_root(View::kUser, MachineFrame(9999)) == Answer::kInvalid);
  CHECK(f.paging.root(View::kUser) == MachineFrame(256));
  CHECK(f.paging.load_root(View::kUser, MachineFrame(0)) == Answer::kDone);
  CHECK(f.info(256).type_count == 1);
  f.check();
}

TEST_CASE("Looking up addresses in the kernel view") {
  Fixture f;
  f.build_tree();
  f.table(259)[2] = Fixture::entry(302, kRo);
  using Access = DirectPaging::Access;
  CHECK_FALSE(f.paging.translate(0x1000, Access::kRead));
  REQUIRE(f.paging.load_root(View::kKernel, MachineFrame(256)) == Answer::kDone);
  CHECK(f.paging.translate(0x1234, Access::kWrite) == HostPhysical(301 << 12 | 0x234));
  CHECK(f.paging.translate(0x2234, Access::kRead) == HostPhysical(302 << 12 | 0x234));
  CHECK_FALSE(f.paging.translate(0x2234, Access::kWrite));
  CHECK_FALSE(f.paging.translate(0x200000, Access::kRead));
  CHECK_FALSE(f.paging.translate(0x0000'8000'0000'0000, Access::kRead));  // not canonical
  CHECK_FALSE(f.paging.translate(0xffff'8080'0000'0000, Access::kRead));  // the monitor's slot
  CHECK(f.paging.entry_of(0x1234) == Fixture::slot(259, 1));
}

TEST_CASE("Descriptor frames hold only what ring 3 may load") {
  Fixture f;
  uint64_t* gdt = f.table(400);
  gdt[1] = 0x00af9b000000ffff;  // kernel code: its DPL becomes 3
  REQUIRE(f.paging.hold(MachineFrame(400), FrameType::kDescriptors) == Answer::kDone);
  CHECK(gdt[1] == 0x00affb000000ffff);
  CHECK(f.paging.update_descriptor(Fixture::slot(400, 2), 0x00cf93000000ffff) == Answer::kDone);
  CHECK(gdt[2] == 0x00cff3000000ffff);
  CHECK(f.paging.update_descriptor(Fixture::slot(400, 3), 0x0000ec0000000000) == Answer::kInvalid);  // a call gate
  CHECK(f.paging.update_descriptor(Fixture::slot(400, 3), 0x00008b0000000067) == Answer::kInvalid);  // a TSS
  CHECK(f.update(400, 3, 0x0000ec0000000000) == Answer::kBusy);                                      // nor by this door
  CHECK(f.pin(400, 1) == Answer::kBusy);
  f.build_tree();
  REQUIRE(f.pin(256, 4) == Answer::kDone);
  CHECK(f.update(259, 9, Fixture::entry(400, kRw)) == Answer::kBusy);
  CHECK(f.update(259, 9, Fixture::entry(400, kRo)) == Answer::kDone);
  gdt[500] = 0;
  f.table(401)[7] = 0x00008b0000000067;
  CHECK(f.paging.hold(MachineFrame(401), FrameType::kDescriptors) == Answer::kInvalid);
  f.check();
}

TEST_CASE("A frame that was a table once is told of whatever is stored behind the processor's back") {
  Fixture f;
  f.build_tree(3);
  REQUIRE(f.pin(259, 1) == Answer::kDone);
  REQUIRE(f.unpin(259) == Answer::kDone);
  REQUIRE(f.paging.drain());
  f.paging.flush().clear();
  f.paging.stored(f.frames.host(MachineFrame(259)) + 12, 8);  // a device's store, over two words
  CHECK(f.paging.flush().edits.size() == 2);
  f.paging.flush().clear();
  f.paging.stored(f.frames.host(MachineFrame(300)), 4096);
  CHECK(f.paging.flush().edits.empty());
  REQUIRE(f.pin(259, 1) == Answer::kDone);                    // a table again: its present entries are told of
  CHECK(f.paging.flush().edits.size() == 3);
}
