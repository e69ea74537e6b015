// The monitor's answer to port, MMIO, MSR and hypercall exits.
#include "vmm/core/handlers.h"

#include <algorithm>

namespace ringside::vmm {

namespace {

// Unclaimed addresses read as all ones, as on an empty bus.
constexpr uint64_t kAllOnes = ~uint64_t{0};

uint64_t load_le(const uint8_t* bytes, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

void store_le(uint8_t* bytes, unsigned size, uint64_t value) {
  for (unsigned i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t mask_of(unsigned size) { return size >= 8 ? kAllOnes : (uint64_t{1} << (8 * size)) - 1; }

}  // namespace

std::string_view handle_port_exit(hw::Bus& bus, PortExit& exit) {
  const hw::BusTarget target = bus.find_port(exit.port);
  const unsigned size = exit.size;
  // The count is the machine's; never touch more than the data it came with.
  const size_t elements = size ? std::min<size_t>(exit.count, exit.data.size() / size) : 0;
  for (size_t i = 0; i < elements; ++i) {
    uint8_t* const element = exit.data.data() + i * size;
    if (exit.direction == Direction::kWrite) {
      if (target.device) target.device->write(target.offset, size, load_le(element, size));
    } else {
      store_le(element, size, target.device ? target.device->read(target.offset, size) : kAllOnes);
    }
  }
  return target.device ? target.device->name() : std::string_view();
}

std::string_view handle_mmio_exit(hw::Bus& bus, MmioExit& exit) {
  const hw::BusTarget target = bus.find_mmio(exit.address);
  if (exit.direction == Direction::kWrite) {
    if (target.device) target.device->write(target.offset, exit.size, exit.value);
  } else {
    exit.value = (target.device ? target.device->read(target.offset, exit.size) : kAllOnes) & mask_of(exit.size);
  }
  return target.device ? target.device->name() : std::string_view();
}

void handle_msr_exit(MsrExit& exit) { exit.fault = true; }

void handle_hypercall_exit(HypercallExit& exit) {
  constexpr int64_t kKvmEnosys = -1000;  // [Linux include/uapi/linux/kvm_para.h KVM_ENOSYS]
  exit.result = static_cast<uint64_t>(kKvmEnosys);
}

}  // namespace ringside::vmm
