// Quantities as people write them on a command line or in an experiment file: 256M, 1.5G instructions, 90s.
// Called by the CLI's options; each error is one sentence with the text seen.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "traces/base/result.h"

namespace ringside::sim {

// Bytes: a whole number with an optional suffix K, M, G or T (powers of 1024; KiB, MiB ... also), or 0x and hexadecimal digits.
Result<uint64_t> parse_size(std::string_view text);
// A count: a whole number with an optional suffix K, M, G or T (powers of 1000), or hexadecimal.
Result<uint64_t> parse_count(std::string_view text);
// A duration: seconds with up to nine decimals; suffix ms, s (default), m or h. At least 1 ms, at most about 292 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// 268435456 -> "256 MiB"; 1234 -> "1234 B".
std::string size_text(uint64_t bytes);
// 1480000000 -> "1.48 G"; below 10000 in full.
std::string count_text(uint64_t count);
// Seconds with three significant digits and their unit: "12.3 s", "250 ms", "1.20 us".
std::string duration_text(std::chrono::nanoseconds duration);
// 1234567 -> "1,234,567".
std::string grouped(uint64_t value);

}  // namespace ringside::sim
