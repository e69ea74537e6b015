// The kernel's memory as its hypercalls' pointers name it: linear addresses of the kernel view, copied page by page through the checked
// tables. False means the interface's "bad pointer". Every structure is copied once and then looked at, never twice.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "vmm/paging/direct_paging.h"

namespace ringside::vmm::pv {

class GuestAccess {
 public:
  explicit GuestAccess(DirectPaging& paging) : paging_(paging) {}

  bool read_bytes(uint64_t linear, void* to, uint64_t bytes) const {
    return for_each_piece(linear, bytes, DirectPaging::Access::kRead, [&](uint8_t* host, uint64_t offset, uint64_t piece) {
      std::memcpy(static_cast<uint8_t*>(to) + offset, host, piece);
    });
  }
  // All or nothing.
  bool write_bytes(uint64_t linear, const void* from, uint64_t bytes) const {
    const auto nothing = [](uint8_t*, uint64_t, uint64_t) {};
    if (!for_each_piece(linear, bytes, DirectPaging::Access::kWrite, nothing)) return false;
    return for_each_piece(linear, bytes, DirectPaging::Access::kWrite, [&](uint8_t* host, uint64_t offset, uint64_t piece) {
      std::memcpy(host, static_cast<const uint8_t*>(from) + offset, piece);
      paging_.stored(host, static_cast<unsigned>(piece));
    });
  }
  template <class T>
  bool read(uint64_t linear, T& to) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return read_bytes(linear, &to, sizeof to);
  }
  template <class T>
  bool write(uint64_t linear, const T& from) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return write_bytes(linear, &from, sizeof from);
  }

 private:
  template <class Visit>
  bool for_each_piece(uint64_t linear, uint64_t bytes, DirectPaging::Access access, Visit&& visit) const {
    for (uint64_t offset = 0; offset < bytes;) {
      const auto at = paging_.translate(linear + offset, access);
      if (!at) return false;
      const uint64_t piece = std::min(bytes - offset, kPageSize - at->value % kPageSize);
      visit(paging_.frames().host(frame_of(*at)) + at->value % kPageSize, offset, piece);
      offset += piece;
    }
    return true;
  }

  DirectPaging& paging_;
};

}  // namespace ringside::vmm::pv
