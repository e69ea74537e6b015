// Event channels: the interrupts of a paravirtual guest. A port is a bit in the shared info page; sending sets it, and the guest's callback
// is due while some unmasked bit is set and the virtual processor's own mask is clear. Both pages' bits belong to the guest as much as to
// the monitor, so nothing is believed of them beyond a load of one bit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "vmm/paging/direct_answer.h"

namespace ringside::vmm::pv {

class EventChannels {
 public:
  // `shared` stays the monitor's to write for as long as this object lives.
  explicit EventChannels(pv_shared_info& shared) : shared_(shared) {}

  Answer bind_virq(uint32_t virq, uint32_t vcpu, uint32_t& port);
  // A port whose other end is a device of the monitor.
  uint32_t bind_device();
  Answer close(uint32_t port);
  Answer status(uint32_t port, uint32_t& status) const;
  Answer unmask(uint32_t port);
  // Is this an open port with a device at its other end?
  bool is_device(uint32_t port) const { return port < kPvEventPorts && ends_[port] == kPvEventInterdomain; }

  // The bit is set and the callback comes due, unless the guest masked the port.
  void raise(uint32_t port);
  void raise_virq(uint32_t virq);

  // Is the callback due, the virtual processor's mask aside?
  bool pending() const { return load(shared_.vcpu[0].upcall_pending) != 0; }
  bool masked() const { return load(shared_.vcpu[0].upcall_mask) != 0; }
  void set_masked(bool masked) { store(shared_.vcpu[0].upcall_mask, uint8_t{masked}); }
  void set_cr2(uint64_t address) { store(shared_.vcpu[0].cr2, address); }
  // What the guest's TSC counts: nanoseconds of its time, or something only the host knows; system_time is then that of the last entry.
  enum class TscCounts : uint8_t { kNanoseconds, kSomething };
  void set_time(uint64_t tsc, uint64_t system_time, TscCounts counts);

 private:
  template <class T>
  static T load(const T& field) { return __atomic_load_n(&field, __ATOMIC_ACQUIRE); }
  template <class T>
  static void store(T& field, T value) { __atomic_store_n(&field, value, __ATOMIC_RELEASE); }
  std::optional<uint32_t> free_port() const;
  void announce(uint32_t port);

  pv_shared_info& shared_;
  std::array<uint8_t, kPvEventPorts> ends_{};  // kPvEvent*; port 0 is never given out
  std::array<uint32_t, 1> virq_port_{};        // by virq
};

}  // namespace ringside::vmm::pv
