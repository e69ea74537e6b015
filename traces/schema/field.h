// How one field of an event is described: its name, what its number means, how it is predicted on disk, one sentence.
// The descriptions are data: the writer, the reader, the exporters and the generated documentation all read them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ringside::traces {

// What a value means, and so how it is printed. Append only: the names (unit_name) are stored in files.
enum class Unit : uint8_t {
  kCount,    // a plain number
  kTime,     // ticks of the trace's clock (the file header names its unit)
  kAddress,  // printed in hexadecimal
  kBits,     // a code or register value, printed in hexadecimal
  kBytes,    // a size
  kFlag,     // 0 or 1
  kEnum,     // one of the names in FieldInfo::names
  kText,     // interned string
  kCode,     // up to 15 instruction bytes, interned
  kReferences,  // the references of a page walk (walk_reference.h), a list of its own form (reference_codec.h)
};
inline constexpr std::array<std::string_view, 10> kUnitNames = {"count", "time", "address", "bits", "bytes",
                                                                "flag",  "enum", "text",    "code", "references"};

// How a field stands in a record: as a difference, as the number of a text, or as a list of its own form.
enum class FieldForm : uint8_t { kNumber, kInterned, kList };
constexpr FieldForm form_of(Unit unit) {
  switch (unit) {
    case Unit::kText:
    case Unit::kCode: return FieldForm::kInterned;
    case Unit::kReferences: return FieldForm::kList;
    case Unit::kCount:
    case Unit::kTime:
    case Unit::kAddress:
    case Unit::kBits:
    case Unit::kBytes:
    case Unit::kFlag:
    case Unit::kEnum: break;
  }
  return FieldForm::kNumber;
}

// What the writer expects a number to be; only the difference is stored, and nothing where it is zero. Append only.
enum class Predict : uint8_t {
  kZero,       // small values
  kLast,       // the value of this field in the event of this kind before it (also for texts and code)
  kRip,        // the last instruction address of any event
  kSinceEntry, // time since this vCPU's last entry: the time in the guest
  kSinceExit,  // time since this vCPU's last exit: the time in the monitor
  kWithClock,  // the last value plus the time passed since: counts that run with the clock
  kSite,       // the value of this field in the last event of this kind at the same instruction address (or one that hashes alike)
};
inline constexpr std::array<std::string_view, 7> kPredictNames = {"zero",       "last",       "rip", "since_entry",
                                                                  "since_exit", "with_clock", "site"};

struct FieldInfo {
  std::string_view name;
  Unit unit = Unit::kCount;
  Predict predict = Predict::kLast;
  std::string_view text;                       // one sentence
  std::span<const std::string_view> names{};   // of the values, for Unit::kEnum

  constexpr FieldForm form() const { return form_of(unit); }
  constexpr bool interned() const { return form() == FieldForm::kInterned; }
};

// The machine code of one instruction, as far as it could be read.
struct InstructionBytes {
  static constexpr size_t kMax = 15;  // [SDM 2A 2.3.11 "AVX Instruction Length"]: no instruction is longer than 15 bytes
  std::array<uint8_t, kMax> bytes{};
  uint8_t size = 0;

  InstructionBytes() = default;
  explicit InstructionBytes(std::span<const uint8_t> code) : size(static_cast<uint8_t>(code.size() < kMax ? code.size() : kMax)) {
    if (size) std::memcpy(bytes.data(), code.data(), size);
  }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), size}; }
  friend bool operator==(const InstructionBytes& a, const InstructionBytes& b) { return a.view() == b.view(); }
};

// Names of an enum's values, in order from 0; specialised beside each enum that occurs in an event.
template <class E>
inline constexpr std::span<const std::string_view> kEnumNames{};

}  // namespace ringside::traces
