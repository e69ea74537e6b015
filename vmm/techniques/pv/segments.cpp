#include "vmm/techniques/pv/segments.h"

#include "vmm/techniques/pv/interface/ringside_pv.h"

namespace ringside::vmm::pv {
namespace {

constexpr uint16_t kRplMask = 3;
constexpr uint32_t kAccessed = 1, kWritable = 2, kCode = 8;
constexpr uint64_t kFlatCode64Descriptor = 0x00affb000000ffff, kFlatCode32Descriptor = 0x00cffb000000ffff, kFlatDataDescriptor = 0x00cff3000000ffff;

// Hidden part from a descriptor of code or data [SDM 3A figure 3-8 "Segment Descriptor"].
hw::Segment segment_of(uint16_t selector, uint64_t descriptor) {
  hw::Segment s;
  s.selector = selector;
  s.base = (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24;
  s.limit = static_cast<uint32_t>((descriptor & 0xffff) | (descriptor >> 32 & 0xf0000));
  s.rights = static_cast<uint32_t>(descriptor >> 40 & 0xf0ff) | kAccessed;
  if (s.rights & hw::access_rights::kG) s.limit = s.limit << 12 | 0xfff;
  return s;
}

}  // namespace

uint64_t flat_descriptor(unsigned index) {
  switch (0xe000 + index * 8) {
    case kPvFlatCode32 & ~kRplMask: return kFlatCode32Descriptor;
    case kPvFlatData & ~kRplMask: return kFlatDataDescriptor;
    case kPvFlatCode64 & ~kRplMask: return kFlatCode64Descriptor;
    default: return 0;
  }
}

hw::Segment flat_code64() { return segment_of(kPvFlatCode64, kFlatCode64Descriptor); }
hw::Segment flat_data() { return segment_of(kPvFlatData, kFlatDataDescriptor); }

uint64_t Descriptors::descriptor(uint16_t selector) const {
  const unsigned index = selector >> 3, page = index / 512;
  if (selector & 4) return 0;  // no local descriptor table
  if (page >= kGuestGdtPages) return page == kGuestGdtPages ? flat_descriptor(index % 512) : 0;
  return index < count_ && page < gdt_.size() ? frames_.entries(gdt_[page])[index % 512] : 0;
}

std::optional<hw::Segment> Descriptors::load(uint16_t selector, For what) const {
  const uint16_t at_ring3 = selector | kRplMask;
  const hw::Segment s = segment_of(at_ring3, descriptor(selector));
  if (!s.present() || !(s.rights & hw::access_rights::kS) || s.dpl() != 3) return std::nullopt;
  const bool code = s.rights & kCode;
  if (what == For::kCode ? !code || (s.long_code() && s.big()) : code || !(s.rights & kWritable)) return std::nullopt;
  return s;
}

}  // namespace ringside::vmm::pv
