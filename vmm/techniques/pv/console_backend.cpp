#include "vmm/techniques/pv/console_backend.h"

#include <algorithm>
#include <array>

namespace ringside::vmm::pv {

bool ConsoleBackend::take_output(const Sink& sink) {
  const uint32_t from = __atomic_load_n(&ring_.out_cons, __ATOMIC_RELAXED), end = __atomic_load_n(&ring_.out_prod, __ATOMIC_ACQUIRE);
  const uint32_t held = end - from;
  if (held == 0) return false;
  if (held > sizeof ring_.out) {
    ++broken_;
  } else {
    std::array<char, sizeof ring_.out> bytes;
    for (uint32_t i = 0; i < held; ++i) bytes[i] = ring_.out[(from + i) % sizeof ring_.out];
    sink(std::span(bytes).first(held));
  }
  __atomic_store_n(&ring_.out_cons, end, __ATOMIC_RELEASE);
  return true;
}

size_t ConsoleBackend::put_input(std::span<const char> bytes) {
  const uint32_t end = __atomic_load_n(&ring_.in_cons, __ATOMIC_ACQUIRE);
  uint32_t at = __atomic_load_n(&ring_.in_prod, __ATOMIC_RELAXED);
  if (at - end > sizeof ring_.in) {
    ++broken_;
    at = end;
  }
  const size_t room = sizeof ring_.in - (at - end), taken = std::min(room, bytes.size());
  for (size_t i = 0; i < taken; ++i) ring_.in[(at + i) % sizeof ring_.in] = bytes[i];
  __atomic_store_n(&ring_.in_prod, static_cast<uint32_t>(at + taken), __ATOMIC_RELEASE);
  return taken;
}

}  // namespace ringside::vmm::pv
