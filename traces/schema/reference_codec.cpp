#include "traces/schema/reference_codec.h"

#include <algorithm>

namespace ringside::traces {
namespace {

constexpr uint8_t kOtherShape = 1, kOtherAddress = 2, kOtherEntry = 4, kSetAccessed = 8, kSetDirty = 16, kUnused = 0xe0;
constexpr uint64_t kFrame = 0x000ffffffffff000, kOffset = 0xfff;

// Guest and shadow tables are one dimension: an agile walk goes from one into the other.
bool same_dimension(const WalkReference& a, const WalkReference& b) {
  const bool a_nested = a.table == WalkTable::kNested, b_nested = b.table == WalkTable::kNested;
  return a_nested == b_nested && (!a_nested || a.serves == b.serves);
}

}  // namespace

uint64_t ReferenceCodec::expected_address(std::span<const WalkReference> before, const WalkReference& next) const {
  const uint64_t last = address_[shape_of(next)];
  for (auto above = before.rbegin(); above != before.rend(); ++above)
    if (same_dimension(*above, next)) return (above->entry & kFrame) | (last & kOffset);
  return last;
}

void ReferenceCodec::note(const WalkReference& reference) {
  address_[shape_of(reference)] = reference.address;
  entry_[memo(reference.address)] = reference.entry;
}

uint8_t* ReferenceCodec::put(uint8_t* p, std::span<const WalkReference> list) {
  list = list.first(std::min(list.size(), kMaxReferences));
  p = put_varint(p, list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const WalkReference& r = list[i];
    const uint8_t shape = shape_of(r);
    const uint64_t address = zigzag(r.address - expected_address(list.first(i), r)), entry = zigzag(r.entry - entry_[memo(r.address)]);
    *p++ = static_cast<uint8_t>((shape != shapes_[i] ? kOtherShape : 0) | (address ? kOtherAddress : 0) | (entry ? kOtherEntry : 0) |
                                (r.set_accessed ? kSetAccessed : 0) | (r.set_dirty ? kSetDirty : 0));
    if (shape != shapes_[i]) *p++ = shapes_[i] = shape;
    if (address) p = put_varint(p, address);
    if (entry) p = put_varint(p, entry);
    note(r);
  }
  return p;
}

const uint8_t* ReferenceCodec::get(const uint8_t* p, const uint8_t* end, std::vector<WalkReference>& list) {
  list.clear();
  if (p >= end) return nullptr;
  uint64_t count;
  p = get_varint(p, count);
  if (count > kMaxReferences) return nullptr;
  list.reserve(kMaxReferences);
  for (size_t i = 0; i < count; ++i) {
    if (p >= end) return nullptr;
    const uint8_t head = *p++;
    if (head & kUnused) return nullptr;
    if (head & kOtherShape) shapes_[i] = *p++;
    WalkReference r;
    r.table = static_cast<WalkTable>(shapes_[i] & 3);
    r.level = shapes_[i] >> 2 & 7;
    r.serves = shapes_[i] >> 5;
    r.set_accessed = head & kSetAccessed;
    r.set_dirty = head & kSetDirty;
    if (static_cast<size_t>(r.table) >= kWalkTableNames.size()) return nullptr;
    uint64_t difference = 0;
    if (head & kOtherAddress) p = get_varint(p, difference);
    r.address = expected_address(list, r) + unzigzag(difference);
    difference = 0;
    if (head & kOtherEntry) p = get_varint(p, difference);
    r.entry = entry_[memo(r.address)] + unzigzag(difference);
    note(r);
    list.push_back(r);
  }
  return p <= end ? p : nullptr;
}

}  // namespace ringside::traces
