// A file descriptor of KVM and calls on it whose failures are explained in words: what was attempted, what the errno means
// there, and the way out. Everything in machines/kvm that can fail goes through here, except KVM_RUN's expected EINTR.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "traces/base/result.h"

namespace ringside::vmm {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The errno in words, and what a person can do about it ("add yourself to the group kvm ...").
std::string errno_in_words(int error);
std::string way_out(int error);
// The error of a failed attempt; `attempt_key` is a catalogue key that completes "Cannot ...".
Error kvm_failure(std::string_view attempt_key, int error);

// ioctl with an integer or pointer argument; the non-negative result or the failure in words.
Result<int> kvm_call(const Fd& fd, unsigned long request, unsigned long argument, std::string_view attempt_key);
Result<int> kvm_call(const Fd& fd, unsigned long request, void* argument, std::string_view attempt_key);

}  // namespace ringside::vmm
