// What a block device keeps its sectors in, whichever way the guest talks to it: PIO (devices/pio_block.h) or a shared ring
// (techniques/pv/block_backend.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "traces/base/result.h"

namespace ringside::vmm {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kDefaultDiskSectors = 2048;  // of the RAM disk every guest finds: 1 MiB

class BlockStore {
 public:
  virtual ~BlockStore() = default;
  virtual uint64_t sectors() const = 0;
  // Whole sectors from `sector` on; false if they are not all there, or the host cannot.
  virtual bool read(uint64_t sector, std::span<uint8_t> to) = 0;
  virtual bool write(uint64_t sector, std::span<const uint8_t> from) = 0;

 protected:
  bool has(uint64_t sector, uint64_t bytes) const {
    return bytes % kSectorBytes == 0 && sector <= sectors() && bytes / kSectorBytes <= sectors() - sector;
  }
};

// Sectors in the host's memory, zero at first.
class RamDisk final : public BlockStore {
 public:
  explicit RamDisk(uint64_t sectors) : bytes_(sectors * kSectorBytes) {}
  uint64_t sectors() const override { return bytes_.size() / kSectorBytes; }
  bool read(uint64_t sector, std::span<uint8_t> to) override;
  bool write(uint64_t sector, std::span<const uint8_t> from) override;

 private:
  std::vector<uint8_t> bytes_;
};

// Sectors in a file of the host; a last part shorter than a sector is not seen.
class FileStore final : public BlockStore {
 public:
  static Result<std::unique_ptr<FileStore>> open(const std::string& path);
  ~FileStore() override;
  FileStore(const FileStore&) = delete;
  uint64_t sectors() const override { return sectors_; }
  bool read(uint64_t sector, std::span<uint8_t> to) override;
  bool write(uint64_t sector, std::span<const uint8_t> from) override;

 private:
  FileStore(int descriptor, uint64_t sectors) : descriptor_(descriptor), sectors_(sectors) {}
  int descriptor_;
  uint64_t sectors_;
};

}  // namespace ringside::vmm
