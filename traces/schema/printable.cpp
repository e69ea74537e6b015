#include "traces/schema/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace ringside::traces {
namespace {

// Bytes of the UTF-8 sequence at the start of `text`, 0 if there is no valid one [RFC 3629 section 4].
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const uint8_t second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool too_high = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_high ? 0 : length;
}

// C0, DEL and the C1 controls (U+0080 to U+009F), which terminals obey too.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<uint8_t>(sequence[0]);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<uint8_t>(sequence[1]) < 0xa0);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text.substr(at));
    const size_t taken = length ? length : 1;
    const std::string_view piece = text.substr(at, taken);
    if (length && !is_control(piece)) out.append(piece);
    else
      for (const char c : piece) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(c));
    at += taken;
  }
  return out;
}

}  // namespace ringside::traces
