// ioctl and the words for its failures.
#include "vmm/machines/kvm/kvm_call.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "traces/base/text.h"

namespace ringside::vmm {

using text::tr;

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::string errno_in_words(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return tr("vmm.errno.permission");
    case ENOENT: return tr("vmm.errno.no-entry");
    case ENODEV:
    case ENXIO: return tr("vmm.errno.no-device");
    case ENOMEM: return tr("vmm.errno.no-memory");
    case EBUSY: return tr("vmm.errno.busy");
    case EINVAL: return tr("vmm.errno.invalid");
    case ENOSYS:
    case ENOTTY: return tr("vmm.errno.unknown-request");
    case EFAULT: return tr("vmm.errno.fault");
    case EIO: return tr("vmm.errno.io");
    case EMFILE:
    case ENFILE: return tr("vmm.errno.too-many-files");
    default: return tr("vmm.errno.other", std::generic_category().message(error), error);
  }
}

std::string way_out(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return tr("vmm.way-out.permission");
    case ENOENT:
    case ENODEV:
    case ENXIO: return tr("vmm.way-out.no-device");
    case ENOMEM: return tr("vmm.way-out.no-memory");
    case EBUSY: return tr("vmm.way-out.busy");
    default: return tr("vmm.way-out.other");
  }
}

Error kvm_failure(std::string_view attempt_key, int error) {
  return fail(ExitCode::kHost, tr("vmm.kvm.failed", tr(attempt_key), errno_in_words(error), way_out(error)));
}

Result<int> kvm_call(const Fd& fd, unsigned long request, unsigned long argument, std::string_view attempt_key) {
  const int result = ::ioctl(fd.get(), request, argument);
  if (result < 0) return kvm_failure(attempt_key, errno);
  return result;
}

Result<int> kvm_call(const Fd& fd, unsigned long request, void* argument, std::string_view attempt_key) {
  return kvm_call(fd, request, reinterpret_cast<unsigned long>(argument), attempt_key);
}

}  // namespace ringside::vmm
