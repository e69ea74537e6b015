// A block device for guests without a ring to share: one sector at a time through I/O ports, in the plainest way there is. Ringside's own;
// no PC has it, and no guest but tests/guests knows it. Fitting accesses only: others read all ones and are ignored.
//
//   offset  size
//   0       4     sector the next command is about (read, write)
//   4       1     write: command 1 (read the sector into the buffer), 2 (write the buffer to the sector), 3 (rewind);
//                 read: 0 the last command went well, 1 it did not. A command takes no time and raises no interrupt.
//   8       4     the buffer, 128 words one after the other; commands rewind to the first
//   12      4     sectors there are (read)
#pragma once

#include <array>

#include "hwmodel/platform/device.h"
#include "vmm/devices/block_store.h"

namespace ringside::vmm {

class PioBlock final : public hw::Device {
 public:
  explicit PioBlock(BlockStore& store) : store_(store) {}
  std::string_view name() const override { return "pio-block"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  enum Register : uint8_t { kSector = 0, kCommand = 4, kData = 8, kSectors = 12 };
  void carry_out(uint8_t command);

  BlockStore& store_;
  std::array<uint8_t, kSectorBytes> buffer_{};
  unsigned at_ = 0;
  uint32_t sector_ = 0;
  bool failed_ = false;
};

}  // namespace ringside::vmm
