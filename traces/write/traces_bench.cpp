// What tracing costs: nanoseconds an event in the writer's thread (encoding, and with compression and write(2)), bytes an event
// before and after compression, and how fast a trace is read, beside two peers measured in the same run. Usage:
//   traces_bench [TRACE.rst]     without a trace, a synthetic mix shaped like a kernel boot
// All times are processor time of the thread, the best of several rounds, and the cost of handing out the prepared events is measured and subtracted.
#include <fmt/format.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "traces/read/reader.h"
#include "traces/write/encoder.h"
#include "traces/write/writer.h"

using namespace ringside;
using namespace ringside::traces;

namespace {

template <class V>
struct VectorsOf;
template <class... Es>
struct VectorsOf<std::variant<Es...>> {
  using Type = std::tuple<std::vector<Es>...>;
};

// Events of all kinds in their order, compact in memory and handed out without a virtual call.
class EventLog {
 public:
  template <Event E>
  void add(E event) {
    own_texts(event);
    std::get<std::vector<E>>(events_).push_back(event);
    kinds_.push_back(static_cast<uint8_t>(kEventIndex<E>));
  }
  size_t size() const { return kinds_.size(); }

  template <class Sink>
  void replay(Sink&& sink) const {
    std::array<size_t, kEventKinds> next{};
    for (const uint8_t kind : kinds_) give(kind, next, sink, std::make_index_sequence<kEventKinds>{});
  }

 private:
  template <class E>
  void own_texts(E& event) {
    std::apply([&](const auto&... field) { (own(event.*field.member), ...); }, Description<E>::kFields);
  }
  template <class M>
  void own(M& member) {
    if constexpr (std::is_same_v<M, std::string_view>) member = *texts_.insert(std::string(member)).first;
  }
  template <class Sink, size_t... I>
  void give(uint8_t kind, std::array<size_t, kEventKinds>& next, Sink& sink, std::index_sequence<I...>) const {
    ((kind == I ? sink(std::get<I>(events_)[next[I]++]) : void()), ...);
  }

  VectorsOf<AnyEvent>::Type events_;
  std::vector<uint8_t> kinds_;
  std::set<std::string> texts_;
};

class Random {
 public:
  uint64_t below(uint64_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % bound;
  }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15ull;
};

constexpr uint64_t kText = 0xffffffff81000000ull;  // where a Linux kernel's code lies

// One character printed through the UART: poll the line status, then write, as Linux's serial console does.
void print_character(EventLog& log, Random& random, uint64_t& time, uint64_t& idle) {
  static const uint8_t kIn[] = {0xec}, kOut[] = {0xee};
  for (const bool write : {false, true}) {
    const uint64_t in_guest = write ? 60 + random.below(8) : 200 + random.below(400);
    time += in_guest;
    const uint64_t rip = kText + (write ? 0x5d2d1e : 0x5d2cfe);
    log.add(Exit{.time = time, .vcpu = 0, .reason = ExitReason::kIoInstruction, .rip = rip, .guest_time = in_guest, .instructions = time - idle,
                 .instruction = InstructionBytes(write ? kOut : kIn), .qualification = 0, .cpl = 0, .raw_code = 1});
    log.add(PortAccess{.time = time, .vcpu = 0, .value = write ? 0x20 + random.below(0x5f) : 0x60, .port = static_cast<uint16_t>(write ? 0x3f8 : 0x3fd),
                       .direction = write ? Direction::kWrite : Direction::kRead, .device = "uart"});
    log.add(Entry{.time = time, .vcpu = 0, .monitor_time = 0});
  }
}

void fault(EventLog& log, Random& random, uint64_t& time) {
  time += 300 + random.below(5000);
  const uint64_t rip = random.below(2) ? 0x401000 + random.below(1 << 20) : kText + random.below(1 << 22);
  const auto error = static_cast<uint32_t>(random.below(2) ? 6 : 4);
  log.add(PageFault{.time = time, .vcpu = 0, .address = 0x7f3a00000000 + (random.below(4000) << 12) + random.below(512) * 8, .rip = rip, .error = error});
  log.add(Delivery{.time = time, .vcpu = 0, .vector = 14, .rip = rip, .type = InterruptionType::kException, .error = error});
}

void tick(EventLog& log, Random& random, uint64_t& time, uint64_t& idle) {
  const uint64_t waited = random.below(4'000'000);
  time += 2000 + waited;
  idle += waited;
  log.add(Idle{.time = time, .vcpu = 0, .duration = waited});
  log.add(Delivery{.time = time, .vcpu = 0, .vector = 236, .rip = kText + 0x8f12ab, .type = InterruptionType::kInterrupt});
  log.add(MmioAccess{.time = time + 300, .vcpu = 0, .value = 0, .address = 0xfee000b0, .direction = Direction::kWrite, .device = "local apic",
                     .size = 4, .answered_by = AnsweredBy::kMachine});
}

void switch_address_space(EventLog& log, Random& random, uint64_t& time, uint64_t& root) {
  time += 1000 + random.below(20000);
  const uint64_t next = 0x2000000 + (random.below(12) << 13);
  log.add(PageTableRoot{.time = time, .vcpu = 0, .new_root = next, .old_root = root});
  log.add(TlbFlush{.time = time, .vcpu = 0, .address = 0, .cause = FlushCause::kCr3Load});
  root = next;
}

EventLog synthetic() {
  EventLog log;
  Random random;
  uint64_t time = 1'000'000, idle = 0, root = 0x2000000;
  log.add(RunStart{.machine = "model", .technique = "native", .paging = "none", .guest = "synthetic"});
  while (log.size() < 600'000) {
    const uint64_t what = random.below(100);
    if (what < 50) for (uint64_t n = 20 + random.below(60); n; --n) print_character(log, random, time, idle);
    else if (what < 80) for (uint64_t n = 10 + random.below(60); n; --n) fault(log, random, time);
    else if (what < 90) for (uint64_t n = 5 + random.below(40); n; --n) switch_address_space(log, random, time, root);
    else tick(log, random, time, idle);
  }
  return log;
}

EventLog from_trace(const Reader& reader) {
  EventLog log;
  reader.visit([&](const auto& event) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(event)>, UnknownEvent>) log.add(event);
    return log.size() < 5'000'000;
  });
  return log;
}

constexpr int kRounds = 7;

// Processor time of this thread, system calls included: other programs on the machine do not count.
double thread_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Nanoseconds of the fastest of several rounds.
template <class Work>
double best_time(Work&& work) {
  double best = 1e300;
  for (int round = 0; round < kRounds; ++round) {
    const double start = thread_nanoseconds();
    work();
    best = std::min(best, thread_nanoseconds() - start);
  }
  return best;
}

// The peer of the issue: what any tracer pays at least that stores a plain struct with the processor's time stamp.
struct Plain {
  uint64_t time, kind, a, b;
};
static_assert(sizeof(Plain) == 32);

void keep(const void* p) { asm volatile("" ::"r"(p) : "memory"); }

}  // namespace

int main(int argc, char** argv) {
  EventLog log;
  if (argc > 1) {
    auto reader = Reader::open(argv[1]);
    if (!reader) {
      fmt::print(stderr, "{}\n", reader.error().message);
      return static_cast<int>(reader.error().code);
    }
    log = from_trace(reader.value());
  } else {
    log = synthetic();
  }
  const auto count = static_cast<double>(log.size());
  const std::string path = (std::filesystem::temp_directory_path() / fmt::format("traces_bench_{}.rst", getpid())).string();

  uint64_t sum = 0;
  const double handing_out = best_time([&] { log.replay([&](const auto& event) { sum += event.time; keep(&event); }); });

  std::vector<Plain> plain(4096);
  size_t at = 0;
  const double plain_rdtsc = best_time([&] {
    log.replay([&](const auto& event) {
      plain[at++ % plain.size()] = {__rdtsc(), event.vcpu, event.time, sum};
      keep(plain.data());
    });
  });
  const double plain_copy = best_time([&] {
    log.replay([&](const auto& event) {
      plain[at++ % plain.size()] = {event.time, event.vcpu, event.time, sum};
      keep(plain.data());
    });
  });

  Encoder encoder(WriterOptions{}.chunk_bytes);
  const double encoding = best_time([&] {
    log.replay([&](const auto& event) {
      encoder.put(event);
      if (encoder.full()) encoder.reset();
    });
  });

  uint64_t record_bytes = 0, file_bytes = 0;
  bool failed = false;
  const double writing = best_time([&] {
    auto writer = Writer::create(path, Clock{});
    if (!writer) { failed = true; return; }
    log.replay([&](const auto& event) { writer.value()->emit(event); });
    failed = failed || !writer.value()->close();
    record_bytes = writer.value()->record_bytes();
    file_bytes = writer.value()->file_bytes();
  });
  auto reader = Reader::open(path);
  if (failed || !reader) {
    fmt::print(stderr, "Cannot write and read back {}.\n", path);
    return static_cast<int>(ExitCode::kOutput);
  }
  uint64_t read = 0;
  const double reading = best_time([&] { read = reader.value().visit([&](const auto& event) { sum += event.time; keep(&event); }).events; });
  std::filesystem::remove(path);

  const auto row = [](std::string_view what, double value, std::string_view unit, std::string_view bound) {
    fmt::print("{:<58} {:>8.2f} {:<13} {}\n", what, value, unit, bound);
  };
  fmt::print("{} events, best of {} rounds\n", log.size(), kRounds);
  row("writer's thread: encode, compress, write", (writing - handing_out) / count, "ns/event", "at most 20");
  row("  of that, encoding", (encoding - handing_out) / count, "ns/event", "");
  row("record, before compression", static_cast<double>(record_bytes) / count, "bytes/event", "at most 8");
  row("file", static_cast<double>(file_bytes) / count, "bytes/event", "at most 3");
  row("reading every field of every event", static_cast<double>(read) / reading * 1e3, "M events/s", "at least 20");
  row("peer: store a 32-byte struct with rdtsc", (plain_rdtsc - handing_out) / count, "ns/event", "32 bytes/event");
  row("peer: store a 32-byte struct", (plain_copy - handing_out) / count, "ns/event", "32 bytes/event");
  return read == log.size() ? 0 : 1;
}
