#include "hwmodel/machine/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "hwmodel/mmu/address_width.h"
#include "traces/base/text.h"

namespace ringside::hw {
namespace {

constexpr uint64_t kSmallest = 1 << 20;
// All of it must have an address below the monitor's share, the hole included.
constexpr uint64_t kLargest = PhysicalMemory::kMonitorStart - (PhysicalMemory::kHoleEnd - PhysicalMemory::kHoleStart);

Error unavailable(uint64_t size, int error) {
  return fail(ExitCode::kHost,
              text::tr("hwmodel.memory_unavailable", size >> 20, std::generic_category().message(error)));
}

}  // namespace

Result<PhysicalMemory> PhysicalMemory::create(uint64_t size, uint64_t monitor_size) {
  if (size < kSmallest || size > kLargest || size % kPageSize != 0 || monitor_size % kPageSize != 0) {
    return fail(ExitCode::kUsage, text::tr("hwmodel.memory_bad_size", size, kSmallest, kLargest, kPageSize));
  }
  // MAP_NORESERVE: a guest's RAM is mostly untouched, and the host commits only pages that are written.
  const uint64_t all = size + monitor_size;
  void* base = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return unavailable(size, errno);
  try {
    return PhysicalMemory(static_cast<uint8_t*>(base), size, monitor_size);
  } catch (const std::bad_alloc&) {
    munmap(base, all);
    return unavailable(size, ENOMEM);
  }
}

PhysicalMemory::PhysicalMemory(uint8_t* base, uint64_t size, uint64_t monitor_size)
    : base_(base), size_(size), monitor_size_(monitor_size), flags_(new uint8_t[(size + monitor_size) >> kPageShift]()), mapped_(size + monitor_size) {}

PhysicalMemory PhysicalMemory::without_monitor() {
  PhysicalMemory view(base_, 0, 0);
  view.size_ = size_;
  view.flags_ = flags_;
  return view;
}

PhysicalMemory::PhysicalMemory(PhysicalMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      monitor_size_(std::exchange(other.monitor_size_, 0)),
      flags_(std::move(other.flags_)),
      mapped_(std::exchange(other.mapped_, 0)) {}

PhysicalMemory& PhysicalMemory::operator=(PhysicalMemory&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  std::swap(monitor_size_, other.monitor_size_);
  std::swap(flags_, other.flags_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

PhysicalMemory::~PhysicalMemory() {
  if (mapped_) munmap(base_, mapped_);
}

}  // namespace ringside::hw
