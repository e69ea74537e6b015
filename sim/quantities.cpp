#include "sim/quantities.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "traces/base/text.h"

namespace ringside::sim {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The power of `base` a one-letter suffix stands for, or -1.
int power_of(char suffix) {
  constexpr std::string_view kSuffixes = "kmgt";
  const auto at = kSuffixes.find(lower(suffix));
  return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

Result<uint64_t> parse_scaled(std::string_view text, uint64_t base, std::string_view error_key) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = hex ? text.substr(2) : text;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || digits.empty()) return fail(ExitCode::kUsage, text::tr(error_key, text));
  std::string_view rest(end, static_cast<size_t>(digits.data() + digits.size() - end));
  if (rest.empty()) return value;
  const int power = hex ? -1 : power_of(rest[0]);
  rest.remove_prefix(1);
  const bool tail_ok = rest.empty() || (base == 1024 && (rest == "iB" || rest == "B"));
  if (power < 0 || !tail_ok) return fail(ExitCode::kUsage, text::tr(error_key, text));
  for (int i = 0; i < power; ++i)
    if (__builtin_mul_overflow(value, base, &value)) return fail(ExitCode::kUsage, text::tr("sim.quantity.too_large", text));
  return value;
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) { return parse_scaled(text, 1024, "sim.quantity.bad_size"); }
Result<uint64_t> parse_count(std::string_view text) { return parse_scaled(text, 1000, "sim.quantity.bad_count"); }

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  double seconds = -1;
  if (unit.empty() || unit == "s") seconds = value;
  if (unit == "ms") seconds = value / 1e3;
  if (unit == "m" || unit == "min") seconds = value * 60;
  if (unit == "h") seconds = value * 3600;
  if (error != std::errc() || !(seconds >= 1e-3) || seconds > 9.2e9)
    return fail(ExitCode::kUsage, text::tr("sim.quantity.bad_duration", text));
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

std::string size_text(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes >= 1024 && bytes % 1024 == 0) bytes /= 1024, ++unit;
  return fmt::format("{} {}", bytes, kUnits[unit]);
}

std::string count_text(uint64_t count) {
  if (count < 10000) return std::to_string(count);
  constexpr std::string_view kUnits[] = {"", " k", " M", " G", " T", " P", " E"};
  double value = static_cast<double>(count);
  size_t unit = 0;
  while (value >= 999.5) value /= 1000, ++unit;
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const double ns = static_cast<double>(duration.count());
  struct Unit { double size; std::string_view name; };
  for (const Unit unit : {Unit{1e9, "s"}, Unit{1e6, "ms"}, Unit{1e3, "us"}}) {
    const double value = ns / unit.size;
    if (value < 0.9995) continue;
    return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, unit.name);
  }
  return fmt::format("{} ns", duration.count());
}

std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

}  // namespace ringside::sim
