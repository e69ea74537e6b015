// The monitor's end of the console ring. The guest owns the ring as well, so the indices are loaded once, and a ring that says it holds
// more than fits is emptied, not read.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "vmm/techniques/pv/interface/ringside_pv.h"

namespace ringside::vmm::pv {

class ConsoleBackend {
 public:
  explicit ConsoleBackend(pv_console_ring& ring) : ring_(ring) {}

  using Sink = std::function<void(std::span<const char>)>;
  // Passes on what the guest has written. True if something was taken: the guest may be told that there is room.
  bool take_output(const Sink& sink);
  // Puts input into the ring, as much as fits; how much that was.
  size_t put_input(std::span<const char> bytes);
  uint64_t broken() const { return broken_; }  // times the indices made no sense

 private:
  pv_console_ring& ring_;
  uint64_t broken_ = 0;
};

}  // namespace ringside::vmm::pv
