// Layout of the information structure [Multiboot 3.3 "Boot information format"].
#include "vmm/boot/multiboot1_info.h"

#include <algorithm>
#include <cstring>

#include "vmm/boot/layout.h"

namespace ringside::vmm {

namespace {

constexpr uint32_t kHasMemory = 1 << 0, kHasCommandLine = 1 << 2, kHasModules = 1 << 3, kHasMemoryMap = 1 << 6, kHasLoaderName = 1 << 9;
// Offsets of the fields used.
constexpr size_t kFlags = 0, kMemLower = 4, kMemUpper = 8, kCommandLine = 16, kModuleCount = 20, kModuleAddress = 24, kMapLength = 44,
                 kMapAddress = 48, kLoaderName = 64, kInfoBytes = 116;

// A block of bytes at a known guest address that grows at its end.
class Block {
 public:
  Block(GuestPhysical at, size_t bytes) : at_(at), bytes_(bytes) {}
  template <class T>
  void put(size_t offset, T value) { std::memcpy(bytes_.data() + offset, &value, sizeof value); }
  template <class T>
  void append(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    put(bytes_.size() - sizeof value, value);
  }
  // A zero-terminated string at the end; its guest address.
  uint32_t append_text(const std::string& text) {
    const uint32_t address = end();
    bytes_.insert(bytes_.end(), text.c_str(), text.c_str() + text.size() + 1);
    return address;
  }
  void align(size_t unit) { bytes_.resize((bytes_.size() + unit - 1) / unit * unit); }
  uint32_t end() const { return static_cast<uint32_t>(at_.value + bytes_.size()); }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  GuestPhysical at_;
  std::vector<uint8_t> bytes_;
};

void append_memory_map(Block& block, const std::vector<MemoryMapEntry>& map) {
  constexpr uint32_t kEntryBytes = 20;  // `size` does not count itself
  block.put<uint32_t>(kMapAddress, block.end());
  for (const MemoryMapEntry& e : map) {
    block.append(kEntryBytes);
    block.append(e.start.value);
    block.append(e.bytes);
    block.append(static_cast<uint32_t>(e.type));
  }
  block.put<uint32_t>(kMapLength, static_cast<uint32_t>(map.size()) * (kEntryBytes + 4));
}

void append_modules(Block& block, const std::vector<PlacedModule>& modules) {
  std::vector<uint32_t> names;
  for (const PlacedModule& m : modules) names.push_back(block.append_text(m.command_line));
  block.align(4);
  block.put<uint32_t>(kModuleCount, static_cast<uint32_t>(modules.size()));
  block.put<uint32_t>(kModuleAddress, block.end());
  for (size_t i = 0; i < modules.size(); ++i) {
    block.append(static_cast<uint32_t>(modules[i].start.value));
    block.append(static_cast<uint32_t>(modules[i].start.value + modules[i].bytes));
    block.append(names[i]);
    block.append(uint32_t{0});
  }
}

// KiB from 1 MiB to the first hole, and below 640 KiB.
uint32_t upper_kib(const std::vector<MemoryMapEntry>& map) {
  for (const MemoryMapEntry& e : map)
    if (e.start == layout::kExtendedMemory && e.type == MemoryType::kUsable) return static_cast<uint32_t>(e.bytes >> 10);
  return 0;
}

}  // namespace

std::vector<uint8_t> multiboot1_info(GuestPhysical at, const std::vector<MemoryMapEntry>& map, const std::vector<PlacedModule>& modules,
                                     const std::string& command_line) {
  Block block(at, kInfoBytes);
  block.put<uint32_t>(kFlags, kHasMemory | kHasCommandLine | kHasModules | kHasMemoryMap | kHasLoaderName);
  block.put<uint32_t>(kMemLower, static_cast<uint32_t>(layout::kLowMemoryEnd.value >> 10));
  block.put<uint32_t>(kMemUpper, upper_kib(map));
  block.align(8);
  append_memory_map(block, map);
  append_modules(block, modules);
  block.put<uint32_t>(kCommandLine, block.append_text(command_line));
  block.put<uint32_t>(kLoaderName, block.append_text("ringside"));
  return block.take();
}

}  // namespace ringside::vmm
