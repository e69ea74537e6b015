// Tables and descriptors of the small world.
#include "vmm/core/ring_world.h"

#include <cassert>
#include <utility>

#include "hwmodel/mmu/address_width.h"

namespace ringside::vmm {

namespace {

constexpr uint64_t kRamBytes = 2 << 20, kMonitorBytes = 1 << 20;
constexpr uint64_t kFirstPage = 0x10000;  // of the guest's pages in RAM; kCode, kData and kStack's follow each other

namespace rights = hw::access_rights;
constexpr uint32_t kUserCode = rights::kG | rights::kP | rights::kS | 0xb | 3u << rights::kDplShift;
constexpr uint32_t kUserData = rights::kG | rights::kDb | rights::kP | rights::kS | 0x3 | 3u << rights::kDplShift;

uint64_t descriptor(uint32_t base, uint32_t access) {
  return 0xffff | uint64_t{base & 0xffffff} << 16 | uint64_t{access & 0xff} << 40 | 0xfull << 48 | uint64_t{access >> 12 & 0xf} << 52 |
         uint64_t{base >> 24} << 56;
}

hw::Segment flat(uint16_t selector, uint32_t access) { return {.base = 0, .limit = 0xffffffff, .selector = selector, .rights = access}; }

unsigned index_of_page(uint64_t linear) {
  if (linear >= RingWorld::kCode && linear < RingWorld::kCode + RingWorld::kCodePages * kPageSize)
    return static_cast<unsigned>((linear - RingWorld::kCode) / kPageSize);
  if (linear >= RingWorld::kData && linear < RingWorld::kData + RingWorld::kDataPages * kPageSize)
    return RingWorld::kCodePages + static_cast<unsigned>((linear - RingWorld::kData) / kPageSize);
  const uint64_t bottom = RingWorld::kStack - RingWorld::kStackPages * kPageSize;
  assert(linear >= bottom && linear < RingWorld::kStack);
  return RingWorld::kCodePages + RingWorld::kDataPages + static_cast<unsigned>((linear - bottom) / kPageSize);
}

uint64_t physical_of(uint64_t linear) { return kFirstPage + index_of_page(linear) * kPageSize + linear % kPageSize; }

}  // namespace

Result<std::unique_ptr<RingWorld>> RingWorld::create() {
  auto memory = BOOST_OUTCOME_TRYX(hw::PhysicalMemory::create(kRamBytes, kMonitorBytes));
  return std::unique_ptr<RingWorld>(new RingWorld(std::move(memory)));
}

RingWorld::RingWorld(hw::PhysicalMemory memory)
    : memory_(std::move(memory)), code_cache_(memory_), model_(0, memory_, code_cache_), next_(hw::PhysicalMemory::kMonitorStart) {
  part_ = next_;
  next_ += ring_layout::kGdtBytes + ring_layout::kStubBytes;
  root_ = allocate();
  other_root_ = allocate();
  const auto map_pages = [&](uint64_t linear, unsigned count, uint64_t flags) {
    for (uint64_t at = linear; at < linear + count * kPageSize; at += kPageSize) map(at, physical_of(at), flags);
  };
  map_pages(kCode, kCodePages, kPresent | kUser);
  map_pages(kData, kDataPages, kPresent | kWritable | kUser);
  map_pages(kStack - kStackPages * kPageSize, kStackPages, kPresent | kWritable | kUser);
  const uint64_t base = ring_layout::base_of_slot(slot_, 4);
  for (uint64_t offset = 0; offset < ring_layout::kGdtBytes + ring_layout::kStubBytes; offset += kPageSize)
    map(base + offset, part_ + offset, kPresent | kWritable);
  std::memcpy(table(other_root_), table(root_), kPageSize);
  for (const uint64_t alias : {kAlias, kUpperAlias}) table(other_root_)[alias >> 39 & 511] = table(root_)[0];
  write_descriptors();
}

uint64_t RingWorld::allocate() { return std::exchange(next_, next_ + kPageSize); }

void RingWorld::map(uint64_t linear, uint64_t physical, uint64_t flags) {
  uint64_t at = root_;
  for (unsigned level = 4; level > 1; --level) {
    uint64_t& entry = table(at)[linear >> (12 + 9 * (level - 1)) & 511];
    if (!entry) entry = allocate() | kPresent | kWritable | kUser;
    at = entry & hw::kPhysicalAddressMask & ~(kPageSize - 1);
  }
  table(at)[linear >> 12 & 511] = physical | flags;
}

void RingWorld::write_descriptors() {
  uint64_t* gdt = table(part_);
  gdt[kCode32 / 8] = descriptor(0, kUserCode | rights::kDb);
  gdt[kFlatData / 8] = descriptor(0, kUserData);
  gdt[kCode64 / 8] = descriptor(0, kUserCode | rights::kL);
  gdt[kBasedData / 8] = descriptor(kDataBase, kUserData);
}

RingContext RingWorld::context(std::span<const uint8_t> code) {
  assert(code.size() <= kCodePages * kPageSize);
  std::memset(host(kCode), 0x90, kCodePages * kPageSize);
  std::copy(code.begin(), code.end(), host(kCode));
  for (uint64_t page = kCode; page < kCode + kCodePages * kPageSize; page += kPageSize) code_cache_.written(host(page), kPageSize);
  RingContext c;
  c.rip = kCode;
  c.rflags = hw::rflags::kFixed | hw::rflags::kIf;
  c.gpr[hw::kRsp] = kStack;
  for (auto& segment : c.segment) segment = flat(kFlatData, kUserData);
  c.segment[hw::kCs] = flat(kCode64, kUserCode | rights::kL);
  return c;
}

RingContext RingWorld::context32(std::span<const uint8_t> code) {
  RingContext c = context(code);
  c.segment[hw::kCs] = flat(kCode32, kUserCode | rights::kDb);
  return c;
}

RingControls RingWorld::controls() const {
  RingControls c;
  c.root = root_;
  c.cr0 = hw::cr0::kPe | hw::cr0::kMp | hw::cr0::kEt | hw::cr0::kNe | hw::cr0::kWp | hw::cr0::kPg;
  c.cr4 = hw::cr4::kPae | hw::cr4::kOsfxsr | hw::cr4::kOsxmmexcpt | hw::cr4::kFsgsbase;
  c.efer = hw::efer::kLme | hw::efer::kLma | hw::efer::kNxe | hw::efer::kSce;
  c.gdt_base = ring_layout::base_of_slot(slot_, 4) + ring_layout::kGdt;
  c.gdt_limit = ring_layout::kGdtBytes - 1;
  return c;
}

HostPhysical RingWorld::part_page(uint64_t offset) const { return HostPhysical(part_ + offset); }

void RingWorld::move_part(unsigned slot) {
  for (const uint64_t root : {root_, other_root_}) {
    assert(table(root)[slot] == 0);
    table(root)[slot] = std::exchange(table(root)[slot_], 0);
  }
  slot_ = slot;
}

HostPhysical RingWorld::entry_of(uint64_t linear) const {
  uint64_t at = root_;
  for (unsigned level = 4; level > 1; --level) {
    uint64_t entry = 0;
    memory_.read(GuestPhysical(at + 8 * (linear >> (12 + 9 * (level - 1)) & 511)), entry);
    at = entry & hw::kPhysicalAddressMask & ~(kPageSize - 1);
  }
  return HostPhysical(at + 8 * (linear >> 12 & 511));
}

uint64_t RingWorld::entry(uint64_t linear) const {
  uint64_t value = 0;
  memory_.read(GuestPhysical(entry_of(linear).value), value);
  return value;
}

void RingWorld::set_entry(uint64_t linear, uint64_t value) { memory_.write(GuestPhysical(entry_of(linear).value), value); }

uint8_t* RingWorld::host(uint64_t linear) { return memory_.host(GuestPhysical(physical_of(linear))); }

uint64_t RingWorld::data_page(unsigned index) const { return physical_of(kData + index * kPageSize); }

}  // namespace ringside::vmm
