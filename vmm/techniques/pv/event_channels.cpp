#include "vmm/techniques/pv/event_channels.h"

#include <cassert>

namespace ringside::vmm::pv {

std::optional<uint32_t> EventChannels::free_port() const {
  for (uint32_t port = 1; port < kPvEventPorts; ++port)
    if (ends_[port] == kPvEventClosed) return port;
  return std::nullopt;
}

Answer EventChannels::bind_virq(uint32_t virq, uint32_t vcpu, uint32_t& port) {
  if (virq >= virq_port_.size()) return Answer::kInvalid;
  if (vcpu != 0) return Answer::kNoEntry;
  if (virq_port_[virq]) return Answer::kExists;
  const auto free = free_port();
  if (!free) return Answer::kNoSpace;
  ends_[*free] = kPvEventVirq;
  virq_port_[virq] = port = *free;
  return Answer::kDone;
}

uint32_t EventChannels::bind_device() {
  const auto free = free_port();
  assert(free);  // the monitor binds its devices before the guest runs
  ends_[*free] = kPvEventInterdomain;
  return *free;
}

Answer EventChannels::close(uint32_t port) {
  if (port >= kPvEventPorts || ends_[port] == kPvEventClosed) return Answer::kInvalid;
  for (uint32_t& bound : virq_port_)
    if (bound == port) bound = 0;
  ends_[port] = kPvEventClosed;
  return Answer::kDone;
}

Answer EventChannels::status(uint32_t port, uint32_t& status) const {
  if (port >= kPvEventPorts) return Answer::kInvalid;
  status = ends_[port];
  return Answer::kDone;
}

void EventChannels::announce(uint32_t port) {
  __atomic_fetch_or(&shared_.vcpu[0].pending_sel, uint64_t{1} << port / 64, __ATOMIC_ACQ_REL);
  store(shared_.vcpu[0].upcall_pending, uint8_t{1});
}

void EventChannels::raise(uint32_t port) {
  const uint64_t bit = uint64_t{1} << port % 64;
  const uint64_t before = __atomic_fetch_or(&shared_.event_pending[port / 64], bit, __ATOMIC_ACQ_REL);
  if (!(before & bit) && !(load(shared_.event_mask[port / 64]) & bit)) announce(port);
}

void EventChannels::raise_virq(uint32_t virq) {
  if (virq_port_[virq]) raise(virq_port_[virq]);
}

Answer EventChannels::unmask(uint32_t port) {
  if (port >= kPvEventPorts || ends_[port] == kPvEventClosed) return Answer::kInvalid;
  const uint64_t bit = uint64_t{1} << port % 64;
  const uint64_t before = __atomic_fetch_and(&shared_.event_mask[port / 64], ~bit, __ATOMIC_ACQ_REL);
  if ((before & bit) && (load(shared_.event_pending[port / 64]) & bit)) announce(port);
  return Answer::kDone;
}

void EventChannels::set_time(uint64_t tsc, uint64_t system_time, TscCounts counts) {
  pv_vcpu_time& time = shared_.vcpu[0].time;
  const uint32_t version = load(time.version) | 1;
  store(time.version, version);
  time.tsc_timestamp = tsc;
  time.system_time = system_time;
  time.tsc_to_system_mul = counts == TscCounts::kNanoseconds ? 0x80000000 : 0;  // ns = (ticks << shift) * mul >> 32
  time.tsc_shift = 1;
  store(time.version, version + 1);
}

}  // namespace ringside::vmm::pv
