// Tables of 4 or 5 levels with 2 MiB pages for RAM.
#include "vmm/machines/kvm/ring/edit_space.h"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "vmm/machines/kvm/kvm_call.h"

namespace ringside::vmm {

namespace {

constexpr uint64_t kLargePage = 2 << 20, kGigabyte = 1 << 30;
// Present, writable, supervisor; accessed and dirty already, so that no walk stores to it [SDM 3A 4.5.4].
constexpr uint64_t kTable = 0x23, kPage = 0x63, kLarge = 0x80;

uint64_t gigabytes(uint64_t bytes) { return (bytes + kGigabyte - 1) / kGigabyte; }

// One table for each GiB of RAM, and at most so many above them and on the way to the stub.
constexpr uint64_t kOtherTables = 10;

uint64_t bytes_needed(const hw::PhysicalMemory& memory) {
  return (gigabytes(memory.low_size()) + gigabytes(memory.high_size()) + gigabytes(memory.monitor_size()) + kOtherTables) * kPageSize;
}

}  // namespace

Result<EditSpace> EditSpace::create(const hw::PhysicalMemory& memory) {
  const uint64_t bytes = bytes_needed(memory);
  void* host = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (host == MAP_FAILED) return kvm_failure("vmm.kvm.set-memory", errno);
  return EditSpace(memory, static_cast<uint8_t*>(host), bytes);
}

EditSpace::EditSpace(const hw::PhysicalMemory& memory, uint8_t* host, uint64_t bytes)
    : low_(memory.low_size()),
      high_(memory.high_size()),
      monitor_(memory.monitor_size()),
      start_((hw::PhysicalMemory::kMonitorStart + monitor_ + kLargePage - 1) & ~(kLargePage - 1)),
      bytes_(bytes),
      host_(host) {}

EditSpace::EditSpace(EditSpace&& other) noexcept
    : low_(other.low_),
      high_(other.high_),
      monitor_(other.monitor_),
      start_(other.start_),
      bytes_(other.bytes_),
      used_(other.used_),
      host_(std::exchange(other.host_, nullptr)),
      levels_(other.levels_) {}

EditSpace::~EditSpace() {
  if (host_) ::munmap(host_, bytes_);
}

void EditSpace::build(uint64_t linear, const RingPageList& stub, unsigned levels) {
  std::memset(host_, 0, bytes_);
  used_ = kPageSize;  // the root
  levels_ = levels;
  map_ram(0, low_);
  map_ram(hw::PhysicalMemory::kHoleEnd, high_);
  map_ram(hw::PhysicalMemory::kMonitorStart, monitor_);
  for (size_t i = 0; i < stub.size(); ++i) map(linear + i * kPageSize, stub[i].value, 1);
}

void EditSpace::map_ram(uint64_t start, uint64_t bytes) {
  for (uint64_t at = start; at < start + bytes; at += kLargePage) map(at, at, 2);
}

// `level`: of the table with the last entry; 1 is the lowest.
void EditSpace::map(uint64_t linear, uint64_t physical, unsigned level) {
  uint64_t at = start_;
  for (unsigned l = levels_;; --l) {
    uint64_t& entry = table(at)[linear >> (12 + 9 * (l - 1)) & 511];
    if (l == level) {
      assert(entry == 0);  // the stub lies in the upper half, RAM in the lower
      entry = physical | kPage | (level == 2 ? kLarge : 0);
      return;
    }
    if (entry == 0) {
      assert(used_ < bytes_);
      entry = (start_ + used_) | kTable;
      used_ += kPageSize;
    }
    at = entry & ~uint64_t{0xfff};
  }
}

}  // namespace ringside::vmm
