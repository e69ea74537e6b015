// What devices ask of the run: power off, reset, end with a value, mark a phase. Devices call these; the run loop looks after
// each exit. The first request wins.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ringside::vmm {

enum class RequestKind : uint8_t { kPowerOff, kReset, kDebugExit };

struct DeviceRequest {
  RequestKind kind = RequestKind::kPowerOff;
  uint32_t value = 0;  // kDebugExit: what the guest wrote
};

class DeviceRequests {
 public:
  void ask(RequestKind kind, uint32_t value = 0) {
    if (!pending_) pending_ = DeviceRequest{kind, value};
  }
  const std::optional<DeviceRequest>& pending() const { return pending_; }
  void clear() { pending_.reset(); }

  // Markers the guest wrote during the exit just handled; the run loop records and takes them.
  void mark(uint32_t value) { markers_.push_back(value); }
  std::vector<uint32_t> take_markers() { return std::exchange(markers_, {}); }
  bool has_markers() const { return !markers_.empty(); }

 private:
  std::optional<DeviceRequest> pending_;
  std::vector<uint32_t> markers_;
};

}  // namespace ringside::vmm
