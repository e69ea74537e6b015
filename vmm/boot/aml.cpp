// AML opcodes and their encodings.
#include "vmm/boot/aml.h"

#include <cassert>

namespace ringside::vmm::aml {

namespace {

constexpr uint8_t kZeroOp = 0x00, kOneOp = 0x01, kNameOp = 0x08, kBytePrefix = 0x0a, kWordPrefix = 0x0b, kDWordPrefix = 0x0c,
                  kQWordPrefix = 0x0e, kPackageOp = 0x12;

void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

Bytes prefixed(uint8_t prefix, uint64_t value, unsigned bytes) {
  Bytes result = {prefix};
  for (unsigned i = 0; i < bytes; ++i) result.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return result;
}

}  // namespace

Bytes integer(uint64_t value) {
  if (value == 0) return {kZeroOp};
  if (value == 1) return {kOneOp};
  if (value <= 0xff) return prefixed(kBytePrefix, value, 1);
  if (value <= 0xffff) return prefixed(kWordPrefix, value, 2);
  if (value <= 0xffffffff) return prefixed(kDWordPrefix, value, 4);
  return prefixed(kQWordPrefix, value, 8);
}

Bytes package_length(size_t content_bytes) {
  // One byte holds up to 63; with n following bytes the first holds n in bits 7:6 and the low nibble in bits 3:0.
  if (content_bytes + 1 <= 0x3f) return {static_cast<uint8_t>(content_bytes + 1)};
  for (unsigned following = 1; following <= 3; ++following) {
    const size_t total = content_bytes + 1 + following;
    if (total >= size_t{1} << (4 + 8 * following)) continue;
    Bytes result = {static_cast<uint8_t>(following << 6 | (total & 0xf))};
    for (unsigned i = 0; i < following; ++i) result.push_back(static_cast<uint8_t>(total >> (4 + 8 * i)));
    return result;
  }
  assert(false && "AML packages end at 256 MiB");
  return {};
}

Bytes package(const std::vector<Bytes>& elements) {
  assert(elements.size() <= 255);
  Bytes content = {static_cast<uint8_t>(elements.size())};
  for (const Bytes& element : elements) append(content, element);
  Bytes result = {kPackageOp};
  append(result, package_length(content.size()));
  append(result, content);
  return result;
}

Bytes name(std::string_view text, const Bytes& value) {
  Bytes result = {kNameOp};
  if (!text.empty() && text[0] == '\\') {
    result.push_back('\\');
    text.remove_prefix(1);
  }
  assert(!text.empty() && text.size() <= 4);
  for (unsigned i = 0; i < 4; ++i) result.push_back(i < text.size() ? static_cast<uint8_t>(text[i]) : '_');
  append(result, value);
  return result;
}

}  // namespace ringside::vmm::aml
