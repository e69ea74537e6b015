// Chrome's trace event format, which ui.perfetto.dev, chrome://tracing and speedscope open: for each vCPU a lane where the guest
// runs and one where the monitor works, an exit being a slice of the latter; what happens inside as instants; counters as graphs.
// Format: "Trace Event Format" of the Chromium project; times are in microseconds.
#include <algorithm>
#include <map>
#include <utility>

#include "traces/export/exporter.h"
#include "traces/export/values.h"

namespace ringside::traces {
namespace {

constexpr int kGuestLane = 1, kMonitorLane = 2;

class PerfettoWriter {
 public:
  PerfettoWriter(const Clock& clock, const ExportOptions& options, TextSink& out) : clock_(clock), options_(options), out_(out) {}

  void begin() { out_.put("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["); }
  void finish() {
    for (auto& [id, vcpu] : vcpus_) {
      if (vcpu.state == State::kInMonitor) slice(id, kMonitorLane, vcpu.name, vcpu.since, last_time_, vcpu.arguments);
      if (vcpu.state == State::kInGuest) slice(id, kGuestLane, "guest", vcpu.since, last_time_, "");
    }
    out_.put("\n]}\n");
  }

  template <class E>
  bool operator()(const E& event) {
    last_time_ = std::max(last_time_, event.time);
    take(event);
    return !out_.failed();
  }

 private:
  enum class State : uint8_t { kFresh, kInGuest, kInMonitor };
  struct Vcpu {
    State state = State::kFresh;
    uint64_t since = 0;
    std::string name, arguments;  // of the exit it is in
    bool has_access = false;      // the arguments name the device that answered
  };

  // Slices need both exits and entries, whatever is chosen; everything else obeys the choice.
  void take(const Exit& e) {
    Vcpu& vcpu = vcpu_of(e.vcpu);
    if (vcpu.state == State::kFresh) vcpu.since = e.time >= e.guest_time ? e.time - e.guest_time : 0;
    if (vcpu.state != State::kInMonitor) slice(e.vcpu, kGuestLane, "guest", vcpu.since, e.time, "");
    vcpu = {State::kInMonitor, e.time, std::string(name_of(e.reason)), arguments(e), false};
  }
  void take(const Entry& e) {
    Vcpu& vcpu = vcpu_of(e.vcpu);
    if (vcpu.state == State::kInMonitor) slice(e.vcpu, kMonitorLane, vcpu.name, vcpu.since, e.time, vcpu.arguments);
    vcpu = {State::kInGuest, e.time, {}, {}, false};
  }
  void take(const PortAccess& e) { access(e); }
  void take(const MmioAccess& e) { access(e); }
  void take(const Idle& e) {
    if (wanted("idle")) slice(e.vcpu, kGuestLane, "idle", e.time >= e.duration ? e.time - e.duration : 0, e.time, "");
  }
  void take(const Counter& e) {
    if (!wanted("counter")) return;
    line(fmt::format("{{\"ph\":\"C\",\"pid\":{},\"ts\":{},\"name\":{},\"args\":{{\"value\":{}}}}}", process(e.vcpu), stamp(e.time), json_string(e.name), e.value));
  }
  void take(const Marker& e) {
    if (wanted("marker")) instant(e, e.name.empty() ? fmt::format("marker {}", e.value) : std::string(e.name), 'g');
  }
  template <class E>
  void take(const E& e) {
    visit_fields(e, [&](std::string_view kind, uint64_t, uint32_t, auto&&) {
      if (wanted(kind)) instant(e, std::string(kind), 't');
    });
  }

  // An access answered by the monitor belongs to the exit around it; one inside the machine is an instant of its own.
  template <class E>
  void access(const E& e) {
    Vcpu& vcpu = vcpu_of(e.vcpu);
    if (e.answered_by == AnsweredBy::kMonitor && vcpu.state == State::kInMonitor) {
      if (std::exchange(vcpu.has_access, true)) return;
      vcpu.arguments += ',';  // an exit always has arguments of its own
      vcpu.arguments += arguments(e);
    } else if (wanted(Description<E>::kName)) {
      instant(e, e.device.empty() ? std::string(Description<E>::kName) : std::string(e.device), 't');
    }
  }

  bool wanted(std::string_view kind) const { return options_.only.empty() || options_.only == kind; }
  static uint32_t process(uint32_t vcpu) { return vcpu + 1; }

  template <class E>
  static std::string arguments(const E& event) {
    std::string text;
    visit_fields(event, [&](std::string_view, uint64_t, uint32_t, auto&& each) {
      each([&](std::string_view field, Unit unit, const std::string& value) {
        if (value.empty()) return;
        if (!text.empty()) text += ',';
        text += json_string(field);
        text += ':';
        text += is_json_number(unit) ? value : json_string(value);
      });
    });
    return text;
  }

  // Microseconds with the nanoseconds behind the point, by integer arithmetic: the same on every host.
  std::string stamp(uint64_t ticks) const {
    const auto ns = static_cast<uint64_t>(static_cast<unsigned __int128>(ticks) * 1'000'000'000u / clock_.ticks_per_second);
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
  }
  void line(const std::string& json) {
    out_.put(first_ ? "\n" : ",\n");
    out_.put(json);
    first_ = false;
  }
  void slice(uint32_t vcpu, int lane, std::string_view name, uint64_t from, uint64_t to, std::string_view args) {
    line(fmt::format("{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},\"name\":{},\"args\":{{{}}}}}", process(vcpu), lane, stamp(from),
                     stamp(to >= from ? to - from : 0), json_string(name), args));
  }
  template <class E>
  void instant(const E& e, const std::string& name, char scope) {
    vcpu_of(e.vcpu);
    line(fmt::format("{{\"ph\":\"i\",\"s\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{},\"name\":{},\"args\":{{{}}}}}", scope, process(e.vcpu), kGuestLane,
                     stamp(e.time), json_string(name), arguments(e)));
  }
  // Names the lanes when a vCPU appears.
  Vcpu& vcpu_of(uint32_t id) {
    const auto [at, fresh] = vcpus_.try_emplace(id);
    if (fresh) {
      const auto name = [&](std::string_view what, int lane, const std::string& text) {
        line(fmt::format("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{\"name\":{}}}}}", process(id), lane, what, json_string(text)));
      };
      name("process_name", 0, fmt::format("vCPU {}", id));
      name("thread_name", kGuestLane, "guest");
      name("thread_name", kMonitorLane, "monitor");
    }
    return at->second;
  }

  Clock clock_;
  const ExportOptions& options_;
  TextSink& out_;
  bool first_ = true;
  uint64_t last_time_ = 0;
  std::map<uint32_t, Vcpu> vcpus_;
};

class PerfettoExporter final : public Exporter {
 public:
  std::string_view name() const override { return "perfetto"; }
  std::string_view extension() const override { return "json"; }
  std::string_view sentence() const override {
    return "Chrome trace events: guest and monitor as lanes, for ui.perfetto.dev and chrome://tracing.";
  }
  VisitResult write(const Reader& reader, const ExportOptions& options, TextSink& out) const override {
    PerfettoWriter writer(reader.clock(), options, out);
    writer.begin();
    const VisitResult result = reader.visit(writer, options.range);
    writer.finish();
    return result;
  }
};

}  // namespace

const Exporter& perfetto_exporter() {
  static const PerfettoExporter exporter;
  return exporter;
}

}  // namespace ringside::traces
