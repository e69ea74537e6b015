// Parses the self-describing statistics file: header, descriptors (name, type, offset), then 64-bit values.
#include "vmm/machines/kvm/kvm_stats.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vmm/machines/kvm/kvm_abi.h"

namespace ringside::vmm {

namespace {

bool read_at(const Fd& fd, void* out, size_t bytes, uint64_t offset) {
  return ::pread(fd.get(), out, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

bool is_counter(uint32_t flags) {
  const uint32_t type = flags & KVM_STATS_TYPE_MASK;
  return type == KVM_STATS_TYPE_CUMULATIVE || type == KVM_STATS_TYPE_INSTANT || type == KVM_STATS_TYPE_PEAK;
}

}  // namespace

Result<KvmStats> KvmStats::open(const Fd& vm_or_vcpu, std::string prefix) {
  KvmStats stats;
  BOOST_OUTCOME_TRY(fd, kvm_call(vm_or_vcpu, KVM_GET_STATS_FD, 0ul, "vmm.kvm.get-stats"));
  stats.fd_ = Fd(fd);
  kvm_stats_header header;
  if (!read_at(stats.fd_, &header, sizeof header, 0)) return kvm_failure("vmm.kvm.get-stats", EIO);
  const size_t descriptor_bytes = sizeof(KvmStatsDescriptor) + header.name_size;
  std::vector<char> descriptor(descriptor_bytes);
  for (uint32_t i = 0; i < header.num_desc; ++i) {
    if (!read_at(stats.fd_, descriptor.data(), descriptor_bytes, header.desc_offset + uint64_t{i} * descriptor_bytes))
      return kvm_failure("vmm.kvm.get-stats", EIO);
    KvmStatsDescriptor d;
    std::memcpy(&d, descriptor.data(), sizeof d);
    if (!is_counter(d.flags) || d.size != 1) continue;
    const char* const name = descriptor.data() + sizeof d;
    stats.fields_.push_back({.name = prefix + std::string(name, ::strnlen(name, header.name_size)), .offset = d.offset});
    stats.data_bytes_ = std::max<uint64_t>(stats.data_bytes_, d.offset + sizeof(uint64_t));
  }
  stats.data_offset_ = header.data_offset;
  return stats;
}

void KvmStats::append_to(std::vector<NamedCounter>& counters) const {
  std::vector<uint8_t> data(data_bytes_);
  if (!read_at(fd_, data.data(), data.size(), data_offset_)) return;
  for (const Field& field : fields_) {
    uint64_t value;
    std::memcpy(&value, data.data() + field.offset, sizeof value);
    counters.push_back({.name = field.name, .value = value});
  }
}

}  // namespace ringside::vmm
