// For tests of the trace layer: temporary files, a sample of every kind of event with ordinary and extreme values, and events as
// comparable text. Included by tests only.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "traces/export/values.h"
#include "traces/read/cursor.h"
#include "traces/read/reader.h"
#include "traces/write/writer.h"

namespace ringside::traces::test {

class TemporaryFile {
 public:
  TemporaryFile() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-trace-XXXXXX").string();
    const int descriptor = mkstemp(name.data());
    if (descriptor >= 0) close(descriptor);
    path = name;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  std::string path;
};

inline std::vector<uint8_t> read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_bytes(const std::string& path, std::span<const uint8_t> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// An event as one line of text: two events are equal if their lines are.
template <class E>
std::string line_of(const E& event) {
  std::string line;
  visit_fields(event, [&](std::string_view kind, uint64_t time, uint32_t vcpu, auto&& each) {
    line = fmt::format("{} {} {}", time, vcpu, kind);
    each([&](std::string_view field, Unit, const std::string& value) { line += fmt::format(" {}={}", field, value); });
  });
  return line;
}

inline std::vector<std::string> lines_of(const Reader& reader, EventRange range = {}) {
  std::vector<std::string> lines;
  reader.visit([&](const auto& event) { lines.push_back(line_of(event)); }, range);
  return lines;
}

// Sets every field of an event to its kind's value number `n`: 0 default, 1 largest, 2 middling, 3 the bits alternating.
template <class E>
E filled(int n, uint64_t time, uint32_t vcpu) {
  static const std::string long_text(kMaxText, 'x');
  E event;
  event.time = time;
  event.vcpu = vcpu;
  const auto set = [n]<class M>(M& member) {
    if constexpr (std::is_same_v<M, std::string_view>) member = n == 0 ? "" : n == 1 ? std::string_view(long_text) : n == 2 ? "uart" : "\xff\"\n,";
    else if constexpr (std::is_same_v<M, InstructionBytes>) {
      static const std::array<uint8_t, 15> code = {0x66, 0x67, 0xf0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
      member = InstructionBytes(std::span(code).first(n == 0 ? 0 : n == 1 ? 15 : static_cast<size_t>(n)));
    } else if constexpr (std::is_same_v<M, std::span<const WalkReference>>) {
      static const std::vector<WalkReference> longest(kMaxReferences, {~0ull, ~0ull, WalkTable::kNested, 7, 7, true, true});
      static const std::vector<WalkReference> walk = {{0x1000, 0x2067, WalkTable::kGuest, 4, 0, true, false},
                                                      {0x8000001ff8, 0x8000002407, WalkTable::kShadow, 3, 0, false, false},
                                                      {0x3000, 0xaaaaaaaaaaaaaaaaull, WalkTable::kNested, 1, 2, false, true}};
      member = n == 0 ? std::span<const WalkReference>() : n == 1 ? std::span(longest) : std::span(walk).first(static_cast<size_t>(n));
    } else if constexpr (std::is_enum_v<M>) member = static_cast<M>(n == 0 ? 0 : n == 1 ? kEnumNames<M>.size() - 1 : 1);
    else if constexpr (std::is_same_v<M, bool>) member = n & 1;
    else member = n == 0 ? M{} : n == 1 ? std::numeric_limits<M>::max() : n == 2 ? static_cast<M>(0x3f8) : static_cast<M>(0xaaaaaaaaaaaaaaaaull);
  };
  std::apply([&](const auto&... field) { (set(event.*field.member), ...); }, Description<E>::kFields);
  return event;
}

// Calls emit(event) for every kind of event with every filling, at times that jump both ways; returns their lines.
template <class Emit>
std::vector<std::string> sample_events(Emit&& emit) {
  std::vector<std::string> lines;
  const uint64_t times[] = {0, 1, 1'000'000'000, ~0ull, 5, 1ull << 63};
  size_t at = 0;
  [&]<size_t... I>(std::index_sequence<I...>) {
    for (int round = 0; round < 3; ++round)
      for (int n = 0; n < 4; ++n)
        ((
             [&] {
               const auto event = filled<std::variant_alternative_t<I, AnyEvent>>(n, times[at % std::size(times)], at % 3 == 2 ? kMaxVcpus - 1 : static_cast<uint32_t>(at % 3));
               ++at;
               emit(event);
               lines.push_back(line_of(event));
             }()),
         ...);
  }(std::make_index_sequence<kEventKinds>{});
  return lines;
}

// A small well-formed trace of exits, in several chunks.
inline std::vector<std::string> write_small_trace(const std::string& path, int exits = 300, size_t chunk_bytes = 1024) {
  std::vector<std::string> lines;
  auto writer = Writer::create(path, Clock{}, {.chunk_bytes = chunk_bytes, .compression_level = 1}).value();
  const auto emit = [&](const auto& event) {
    writer->emit(event);
    lines.push_back(line_of(event));
  };
  emit(RunStart{.machine = "model", .technique = "native", .paging = "none", .guest = "tiny.bin"});
  uint64_t time = 1000;
  for (int i = 0; i < exits; ++i) {
    time += 100 + static_cast<uint64_t>(i * i % 97);
    emit(Exit{.time = time, .vcpu = 0, .reason = i % 5 ? ExitReason::kIoInstruction : ExitReason::kHlt, .rip = 0x100000u + static_cast<uint64_t>(i % 7) * 3,
              .guest_time = 90, .instructions = time, .cpl = 0});
    emit(PortAccess{.time = time, .vcpu = 0, .value = static_cast<uint64_t>(i * 2654435761u) & 0xff, .port = 0x3f8, .direction = Direction::kWrite, .device = "uart"});
    time += 10 + static_cast<uint64_t>(i % 3);
    emit(Entry{.time = time, .vcpu = 0, .monitor_time = 10});
  }
  emit(RunEnd{.time = time, .outcome = "power-off", .exits = static_cast<uint64_t>(exits)});
  if (!writer->close()) lines.clear();
  return lines;
}

}  // namespace ringside::traces::test
