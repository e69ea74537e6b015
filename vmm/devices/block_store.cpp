#include "vmm/devices/block_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "traces/base/text.h"

namespace ringside::vmm {

bool RamDisk::read(uint64_t sector, std::span<uint8_t> to) {
  if (!has(sector, to.size())) return false;
  if (!to.empty()) std::memcpy(to.data(), bytes_.data() + sector * kSectorBytes, to.size());
  return true;
}

bool RamDisk::write(uint64_t sector, std::span<const uint8_t> from) {
  if (!has(sector, from.size())) return false;
  if (!from.empty()) std::memcpy(bytes_.data() + sector * kSectorBytes, from.data(), from.size());
  return true;
}

Result<std::unique_ptr<FileStore>> FileStore::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    const int why = descriptor >= 0 ? EINVAL : errno;
    if (descriptor >= 0) ::close(descriptor);
    return fail(ExitCode::kInput, text::tr("vmm.block.cannot-open", path, std::generic_category().message(why)));
  }
  return std::unique_ptr<FileStore>(new FileStore(descriptor, static_cast<uint64_t>(status.st_size) / kSectorBytes));
}

FileStore::~FileStore() { ::close(descriptor_); }

bool FileStore::read(uint64_t sector, std::span<uint8_t> to) {
  return has(sector, to.size()) &&
         ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(sector * kSectorBytes)) == static_cast<ssize_t>(to.size());
}

bool FileStore::write(uint64_t sector, std::span<const uint8_t> from) {
  return has(sector, from.size()) &&
         ::pwrite(descriptor_, from.data(), from.size(), static_cast<off_t>(sector * kSectorBytes)) == static_cast<ssize_t>(from.size());
}

}  // namespace ringside::vmm
