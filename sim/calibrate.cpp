#include "sim/calibrate.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <random>
#include <thread>

#include "sim/calibrate_exits.h"
#include "traces/base/text.h"
#include "traces/base/types.h"
#include "vmm/core/host_report.h"
#include "vmm/machines/kvm/ring/ring_probe.h"

namespace ringside::sim {
namespace {

constexpr unsigned kSamples = 51;

// Serialised on both sides, so that nothing of the timed part moves out of it.
uint64_t ticks() {
  _mm_lfence();
  const uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

template <class Body>
double ticks_each(uint64_t times, Body&& body) {
  const uint64_t start = ticks();
  body();
  return static_cast<double>(ticks() - start) / static_cast<double>(times);
}

double ticks_per_second() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const uint64_t first = ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const uint64_t last = ticks();
  return static_cast<double>(last - first) / std::chrono::duration<double>(Clock::now() - start).count();
}

Measurement system_call() {
  constexpr uint64_t kTimes = 1000;
  std::vector<double> samples;
  for (unsigned i = 0; i < kSamples; ++i) {
    samples.push_back(ticks_each(kTimes, [] {
      for (uint64_t k = 0; k < kTimes; ++k) syscall(SYS_getppid);
    }));
  }
  return summarise("syscall", std::move(samples));
}

struct Unmap {
  size_t bytes;
  void operator()(uint8_t* memory) const { munmap(memory, bytes); }
};
using Mapping = std::unique_ptr<uint8_t, Unmap>;

// Private memory in small pages, none touched yet.
Result<Mapping> map_small_pages(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail(ExitCode::kHost, text::tr("sim.calibrate.no_memory", bytes >> 20));
  madvise(memory, bytes, MADV_NOHUGEPAGE);  // fails where huge pages are not built in, which is as good
  return Mapping(static_cast<uint8_t*>(memory), Unmap{bytes});
}

Result<Measurement> page_fault() {
  constexpr size_t kPages = 512;
  const Mapping memory = BOOST_OUTCOME_TRYX(map_small_pages(kPages * kPageSize));
  std::vector<double> samples;
  for (unsigned i = 0; i < kSamples; ++i) {
    madvise(memory.get(), kPages * kPageSize, MADV_DONTNEED);
    samples.push_back(ticks_each(kPages, [&] {
      for (size_t k = 0; k < kPages; ++k) static_cast<volatile uint8_t*>(memory.get())[k * kPageSize] = 1;
    }));
  }
  return summarise("page_fault", std::move(samples));
}

// Ticks a load of a random cyclic chain of `lines` cache lines takes, one line in each `stride` bytes of `memory`. The
// line within a page moves from page to page, so that all sets of the caches are used.
double chain_ticks(uint8_t* memory, size_t lines, size_t stride, uint64_t loads) {
  constexpr size_t kLine = 64;
  std::vector<size_t> order(lines);
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  const auto slot = [&](size_t i) {
    return reinterpret_cast<void**>(memory + i * stride + (stride > kLine ? i * kLine % stride : 0));
  };
  for (size_t i = 0; i < lines; ++i) *slot(order[i]) = slot(order[(i + 1) % lines]);
  void** at = slot(order[0]);
  const auto follow = [&](uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) at = static_cast<void**>(*static_cast<void* volatile*>(static_cast<void*>(at)));
  };
  follow(lines);
  return ticks_each(loads, [&] { follow(loads); });
}

// The same number of cache lines, spread one to a page and packed together: the difference is translation. `pages` far
// beyond the second level of the TLB gives walks; beyond the first and within the second, second-level hits.
Result<Measurement> translation(std::string_view name, size_t pages) {
  const Mapping memory = BOOST_OUTCOME_TRYX(map_small_pages(pages * kPageSize));
  constexpr uint64_t kLoads = 20000;
  std::vector<double> samples;
  for (unsigned i = 0; i < 15; ++i) {
    const double spread = chain_ticks(memory.get(), pages, kPageSize, kLoads);
    const double packed = chain_ticks(memory.get(), pages, 64, kLoads);
    samples.push_back(std::max(0.0, spread - packed));
  }
  return summarise(name, std::move(samples));
}

// What deprivileged techniques pay on the real processor. No number of a profile: it is told beside them.
Result<std::vector<Measurement>> ring_stub(const std::string& device, double ticks_per_second) {
  const vmm::RingProbe probe = BOOST_OUTCOME_TRYX(vmm::probe_ring(device));
  const double ticks = ticks_per_second * 1e-6;
  std::vector<Measurement> list;
  for (const auto* price : {&probe.trap, &probe.system_call, &probe.root_load, &probe.edit})
    list.push_back({price->name, price->median * ticks, price->quartile1 * ticks, price->quartile3 * ticks, price->samples});
  return list;
}

std::string measured_text(const Measurement& m, std::string_view what) {
  return fmt::format("ringside calibrate: {} median {:.1f}, quartiles {:.1f} and {:.1f} of {} samples", what, m.median,
                     m.quartile1, m.quartile3, m.samples);
}

void set(hw::CostProfile& profile, hw::Primitive primitive, double cycles, hw::NumberKind kind, std::string source) {
  const double bounded = std::clamp(cycles, 0.0, static_cast<double>(hw::CostProfile::kMostCycles));
  profile.primitive[static_cast<size_t>(primitive)] = {static_cast<uint64_t>(bounded + 0.5), kind, std::move(source)};
}

// Only the sum of an exit's parts can be timed from outside; they keep the proportions of the base profile.
void share_exit(hw::CostProfile& profile, const hw::CostProfile& base, const Measurement& exit) {
  constexpr hw::Primitive kParts[] = {hw::Primitive::kVmExit, hw::Primitive::kVmEntry, hw::Primitive::kDispatch,
                                      hw::Primitive::kHypercall};
  double sum = 0;
  for (const auto part : kParts) sum += static_cast<double>(base.cycles(part));
  if (sum == 0) return;
  for (const auto part : kParts) {
    set(profile, part, exit.median * static_cast<double>(base.cycles(part)) / sum, hw::NumberKind::kAssumed,
        fmt::format("MODEL: share as in the profile {} of the measured round trip; {}", base.name,
                    measured_text(exit, "CPUID exit handled in the kernel")));
  }
}

}  // namespace

const Measurement* Calibration::find(std::string_view name) const {
  const auto it = std::find_if(measurements.begin(), measurements.end(), [&](const Measurement& m) { return m.name == name; });
  return it == measurements.end() ? nullptr : &*it;
}

Measurement summarise(std::string_view name, std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) { return samples[static_cast<size_t>(share * static_cast<double>(samples.size() - 1) + 0.5)]; };
  return {name, at(0.5), at(0.25), at(0.75), samples.size()};
}

Result<Calibration> calibrate(const CalibrateOptions& options) {
  constexpr size_t kBeyondFirst = 768, kBeyondSecond = 32768;  // first levels have about 64 entries, second ones 512 to 3072
  Calibration c;
  c.machine = vmm::host_report(vmm::HostPaths{}).cpu_model;
  c.ticks_per_second = ticks_per_second();
  c.measurements.push_back(system_call());
  c.measurements.push_back(BOOST_OUTCOME_TRYX(page_fault()));
  c.measurements.push_back(BOOST_OUTCOME_TRYX(translation("tlb_second_level", kBeyondFirst)));
  c.measurements.push_back(BOOST_OUTCOME_TRYX(translation("tlb_miss", kBeyondSecond)));
  auto exits = measure_exits(options.kvm_device);
  if (exits.has_error()) c.kvm_missing = exits.error().message;
  else c.measurements.insert(c.measurements.end(), exits.value().begin(), exits.value().end());
  if (const auto ring = ring_stub(options.kvm_device, c.ticks_per_second)) c.measurements.insert(c.measurements.end(), ring.value().begin(), ring.value().end());
  return c;
}

hw::CostProfile profile_of(const Calibration& calibration, const hw::CostProfile& base) {
  using hw::NumberKind, hw::Primitive;
  hw::CostProfile profile = base;
  profile.name = "host";
  profile.machine = calibration.machine;
  profile.clock_hz = {static_cast<uint64_t>(calibration.ticks_per_second + 0.5), NumberKind::kMeasured,
                      "ringside calibrate: time-stamp counter against the monotonic clock; all cycles are its ticks"};
  if (const auto* m = calibration.find("tlb_second_level"))
    set(profile, Primitive::kL2TlbHit, m->median, NumberKind::kMeasured, measured_text(*m, "pointer chase beyond the first-level TLB"));
  if (const auto* m = calibration.find("tlb_miss"))
    set(profile, Primitive::kWalkReference, m->median, NumberKind::kAssumed,
        "MODEL: a miss makes about one reference, the others found in walk caches; " + measured_text(*m, "pointer chase beyond the TLB"));
  const auto* kernel = calibration.find("exit_kernel");
  const auto* user = calibration.find("exit_user");
  if (kernel) share_exit(profile, base, *kernel);
  if (kernel && user)
    set(profile, Primitive::kHostSwitch, user->median - kernel->median, NumberKind::kMeasured,
        "difference of two medians; " + measured_text(*user, "port exit handled in a user process"));
  return profile;
}

}  // namespace ringside::sim
