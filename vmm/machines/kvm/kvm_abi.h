// KVM structures that end in a flexible array. The kernel's headers declare them so that their sizes, and with them the request
// numbers, are wrong in C++ (an empty struct has size 1 there); these have the sizes of the kernel's ABI.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace ringside::vmm {

struct KvmCpuidHeader {
  uint32_t count = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(KvmCpuidHeader) == 8 && sizeof(kvm_cpuid_entry2) == 40);
constexpr unsigned long kKvmGetSupportedCpuid = _IOWR(KVMIO, 0x05, KvmCpuidHeader);
constexpr unsigned long kKvmSetCpuid2 = _IOW(KVMIO, 0x90, KvmCpuidHeader);

// struct kvm_cpuid2 in a buffer: the header, then room for `entries`.
class KvmCpuidList {
 public:
  explicit KvmCpuidList(uint32_t room) : bytes_(sizeof(KvmCpuidHeader) + room * sizeof(kvm_cpuid_entry2)) { set_count(room); }
  explicit KvmCpuidList(const std::vector<kvm_cpuid_entry2>& entries) : KvmCpuidList(static_cast<uint32_t>(entries.size())) {
    if (!entries.empty()) std::memcpy(bytes_.data() + sizeof(KvmCpuidHeader), entries.data(), entries.size() * sizeof entries[0]);
  }
  void* data() { return bytes_.data(); }
  std::vector<kvm_cpuid_entry2> entries() const {
    KvmCpuidHeader header;
    std::memcpy(&header, bytes_.data(), sizeof header);
    const size_t room = (bytes_.size() - sizeof header) / sizeof(kvm_cpuid_entry2);
    std::vector<kvm_cpuid_entry2> result(header.count < room ? header.count : room);
    if (!result.empty()) std::memcpy(result.data(), bytes_.data() + sizeof header, result.size() * sizeof result[0]);
    return result;
  }

 private:
  void set_count(uint32_t count) {
    const KvmCpuidHeader header{.count = count, .padding = 0};
    std::memcpy(bytes_.data(), &header, sizeof header);
  }
  std::vector<uint8_t> bytes_;
};

// struct kvm_msrs with one entry.
struct KvmOneMsr {
  uint32_t count = 1;
  uint32_t padding = 0;
  kvm_msr_entry entry{};
};
static_assert(sizeof(KvmOneMsr) == 24);
constexpr unsigned long kKvmSetMsrs = _IOC(_IOC_WRITE, KVMIO, 0x89, 8);  // the size of its header

// struct kvm_xsave without what KVM_GET_XSAVE2 may add.
struct KvmXsave {
  uint32_t region[1024];
};
constexpr unsigned long kKvmGetXsave = _IOR(KVMIO, 0xa4, KvmXsave);
constexpr unsigned long kKvmSetXsave = _IOW(KVMIO, 0xa5, KvmXsave);

// struct kvm_stats_desc up to its name.
struct KvmStatsDescriptor {
  uint32_t flags;
  int16_t exponent;
  uint16_t size;
  uint32_t offset;
  uint32_t bucket_size;
};
static_assert(sizeof(KvmStatsDescriptor) == 16);

}  // namespace ringside::vmm
