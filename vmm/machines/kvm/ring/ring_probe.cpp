// Small programs in a RingWorld and what became of them.
#include "vmm/machines/kvm/ring/ring_probe.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/exec/cpuid.h"
#include "traces/base/text.h"
#include "vmm/core/ring_world.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"

namespace ringside::vmm {

using text::tr;

namespace {

using SteadyClock = std::chrono::steady_clock;
using Code = std::vector<uint8_t>;
constexpr unsigned kTrips = 100;

class Prober {
 public:
  static Result<Prober> create(const std::string& device) {
    Prober p;
    p.world_ = BOOST_OUTCOME_TRYX(RingWorld::create());
    const RingPages pages = ring_pages([&](uint64_t offset) { return p.world_->part_page(offset); });
    p.cpu_ = BOOST_OUTCOME_TRYX(KvmRingCpu::create(p.world_->memory(), pages, p.world_->model(), *p.clock_, device));
    return p;
  }

  Result<RingProbe> run() {
    RingProbe probe;
    BOOST_OUTCOME_TRYV(find_facts(probe.facts));
    BOOST_OUTCOME_TRYV(measure(probe));
    return probe;
  }

 private:
  struct Outcome {
    RingEvent event;
    RingContext context;
    bool is(hw::Vector vector) const {
      const auto* e = std::get_if<RingException>(&event);
      return e && !e->software && e->vector == static_cast<uint8_t>(vector);
    }
    uint32_t eax() const { return static_cast<uint32_t>(context.gpr[hw::kRax]); }
  };

  Result<Outcome> enter(RingContext context, const RingControls& controls, const RingFlush& flush = {}) {
    const RingBounds bounds{.wall_deadline = SteadyClock::now() + std::chrono::seconds(2)};
    RingEvent event = BOOST_OUTCOME_TRYX(cpu_->enter(context, controls, flush, bounds));
    return Outcome{std::move(event), context};
  }
  // A program that ends with CLI, under controls that `change` makes of the usual ones.
  template <class Change>
  Result<Outcome> program(const Code& code, Change&& change) {
    RingContext context = world_->context(code);
    RingControls controls = world_->controls();
    change(context, controls);
    return enter(std::move(context), controls);
  }

  Result<bool> honours_outside_edits() {
    const Code load{0x48, 0x8b, 0x04, 0x25, 0, 0, 0x50, 0, 0xfa};  // mov rax, [kData]; cli
    world_->host(RingWorld::kData)[0] = 1;
    world_->host(RingWorld::kData + kPageSize)[0] = 2;
    const uint64_t before = world_->entry(RingWorld::kData);
    BOOST_OUTCOME_TRYV(enter(world_->context(load), world_->controls()));
    world_->set_entry(RingWorld::kData, world_->entry(RingWorld::kData + kPageSize));
    RingFlush flush;
    flush.pages.push_back(RingWorld::kData);
    const Outcome seen = BOOST_OUTCOME_TRYX(enter(world_->context(load), world_->controls(), flush));
    world_->set_entry(RingWorld::kData, before);
    flush.edits.push_back({world_->entry_of(RingWorld::kData)});
    BOOST_OUTCOME_TRYV(enter(world_->context(load), world_->controls(), flush));
    return seen.eax() == 2;
  }

  // The lowest 512 GiB of the upper half, which hypervisors keep for themselves: mov rax, address; mov eax, [rax]; cli.
  Result<bool> opens_upper_slot() {
    Code load{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x8b, 0x00, 0xfa};
    constexpr uint64_t kAddress = RingWorld::kUpperAlias + RingWorld::kData;
    std::memcpy(load.data() + 2, &kAddress, sizeof kAddress);
    const Outcome outcome = BOOST_OUTCOME_TRYX(program(load, [&](RingContext&, RingControls& c) { c.root = world_->other_root(); }));
    return outcome.is(hw::Vector::kGP);
  }

  Result<void> find_facts(std::vector<RingFact>& facts) {
    const auto usual = [](RingContext&, RingControls&) {};
    facts.push_back({"outside_edits", "vmm.ring.fact.outside_edits", BOOST_OUTCOME_TRYX(honours_outside_edits())});

    // mov eax, ds; cli
    const Outcome selector = BOOST_OUTCOME_TRYX(program({0x8c, 0xd8, 0xfa}, [](RingContext& c, RingControls&) {
      c.segment[hw::kDs].selector = RingWorld::kBasedData;
      c.segment[hw::kDs].base = RingWorld::kDataBase;
    }));
    facts.push_back({"selectors", "vmm.ring.fact.selectors", selector.eax() == RingWorld::kBasedData});

    // xor eax, eax; cpuid; cli
    const Outcome cpuid = BOOST_OUTCOME_TRYX(program({0x31, 0xc0, 0x0f, 0xa2, 0xfa}, usual));
    const hw::CpuidResult announced = hw::cpuid(world_->model(), 0, 0);
    facts.push_back({"cpuid", "vmm.ring.fact.cpuid", cpuid.eax() == announced.eax && static_cast<uint32_t>(cpuid.context.gpr[hw::kRbx]) == announced.ebx});

    const Outcome tsc = BOOST_OUTCOME_TRYX(program({0x0f, 0x31, 0xfa}, [](RingContext&, RingControls& c) { c.cr4 |= hw::cr4::kTsd; }));
    facts.push_back({"cr4_tsd", "vmm.ring.fact.cr4_tsd", tsc.context.rip == RingWorld::kCode});

    const Outcome task_switched = BOOST_OUTCOME_TRYX(program({0xd9, 0xd0, 0xfa}, [](RingContext&, RingControls& c) { c.cr0 |= hw::cr0::kTs; }));  // fnop
    facts.push_back({"cr0_ts", "vmm.ring.fact.cr0_ts", task_switched.is(hw::Vector::kNM)});

    const Outcome umip = BOOST_OUTCOME_TRYX(program({0x0f, 0x01, 0x44, 0x24, 0xf0, 0xfa}, [](RingContext&, RingControls& c) { c.cr4 |= hw::cr4::kUmip; }));  // sgdt
    facts.push_back({"cr4_umip", "vmm.ring.fact.cr4_umip", umip.context.rip == RingWorld::kCode});

    // rdfsbase rax; cli
    const Outcome bases = BOOST_OUTCOME_TRYX(program({0xf3, 0x48, 0x0f, 0xae, 0xc0, 0xfa}, [](RingContext&, RingControls& c) { c.cr4 &= ~hw::cr4::kFsgsbase; }));
    facts.push_back({"cr4_fsgsbase", "vmm.ring.fact.cr4_fsgsbase", bases.is(hw::Vector::kUD)});

    facts.push_back({"upper_slot", "vmm.ring.fact.upper_slot", BOOST_OUTCOME_TRYX(opens_upper_slot())});

    const Outcome disabled = BOOST_OUTCOME_TRYX(program({0x0f, 0x05}, [](RingContext&, RingControls& c) { c.efer &= ~hw::efer::kSce; }));
    facts.push_back({"efer_sce", "vmm.ring.fact.efer_sce", disabled.context.gpr[hw::kRcx] == 0});

    const Outcome icebp = BOOST_OUTCOME_TRYX(program({0xf1, 0xfa}, usual));
    facts.push_back({"icebp", "vmm.ring.fact.icebp", icebp.is(hw::Vector::kDB) && icebp.context.rip == RingWorld::kCode + 1});

    // Misaligned with EFLAGS.AC, but without CR0.AM: mov eax, [rsp - 15]; cli
    const Outcome aligned = BOOST_OUTCOME_TRYX(program({0x8b, 0x44, 0x24, 0xf1, 0xfa}, [](RingContext& c, RingControls&) { c.rflags |= hw::rflags::kAc; }));
    facts.push_back({"cr0_am", "vmm.ring.fact.cr0_am", aligned.is(hw::Vector::kGP)});

    const Outcome stopped = BOOST_OUTCOME_TRYX(program({0x90, 0x90, 0x90, 0xfa}, [](RingContext&, RingControls& c) {
      c.dr[0] = RingWorld::kCode + 2;
      c.dr7 |= 1;
    }));
    facts.push_back({"breakpoints", "vmm.ring.fact.breakpoints", stopped.is(hw::Vector::kDB) && stopped.context.rip == RingWorld::kCode + 2});

    // pxor xmm0, xmm0; cli
    const Outcome old_mode = BOOST_OUTCOME_TRYX(enter(world_->context32(Code{0x66, 0x0f, 0xef, 0xc0, 0xfa}), world_->controls()));
    facts.push_back({"compatibility_mode", "vmm.ring.fact.compatibility_mode", old_mode.is(hw::Vector::kGP)});
    return success();
  }

  // Sorted times in microseconds of entries prepared by `prepare`.
  template <class Prepare>
  Result<std::vector<double>> times(const Code& code, Prepare&& prepare) {
    std::vector<double> list;
    RingControls controls = world_->controls();
    const RingContext context = world_->context(code);
    for (unsigned i = 0; i < kTrips; ++i) {
      RingFlush flush;
      prepare(controls, flush);
      const auto start = SteadyClock::now();
      BOOST_OUTCOME_TRYV(enter(context, controls, flush));
      list.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
    }
    std::sort(list.begin(), list.end());
    return list;
  }

  // What each costs beyond `base`, `parts` of them in one entry.
  static void price(RingPrice& price, const std::vector<double>& sorted, double base = 0, double parts = 1) {
    const auto at = [&](size_t index) { return std::max(0.0, sorted[index] - base) / parts; };
    price.median = at(kTrips / 2), price.quartile1 = at(kTrips / 4), price.quartile3 = at(kTrips * 3 / 4);
    price.samples = kTrips;
  }

  Result<void> measure(RingProbe& probe) {
    constexpr unsigned kEdits = 32;
    const auto nothing = [](RingControls&, RingFlush&) {};
    price(probe.trap, BOOST_OUTCOME_TRYX(times({0xfa}, nothing)));
    price(probe.system_call, BOOST_OUTCOME_TRYX(times({0x0f, 0x05}, nothing)));
    const auto other_root = [&](RingControls& c, RingFlush&) { c.root ^= world_->root() ^ world_->other_root(); };
    price(probe.root_load, BOOST_OUTCOME_TRYX(times({0xfa}, other_root)), probe.trap.median);
    const auto some_edits = [&](RingControls&, RingFlush& flush) { flush.edits.assign(kEdits, {world_->entry_of(RingWorld::kData)}); };
    price(probe.edit, BOOST_OUTCOME_TRYX(times({0xfa}, some_edits)), probe.trap.median, kEdits);
    return success();
  }

  std::unique_ptr<RingWorld> world_;
  std::unique_ptr<HostClock> clock_ = std::make_unique<HostClock>();
  std::unique_ptr<KvmRingCpu> cpu_;
};

}  // namespace

bool RingProbe::holds(std::string_view name) const {
  return std::any_of(facts.begin(), facts.end(), [&](const RingFact& f) { return f.name == name && f.holds; });
}

Result<RingProbe> probe_ring(const std::string& device) {
  Prober prober = BOOST_OUTCOME_TRYX(Prober::create(device));
  return prober.run();
}

std::string to_text(const RingProbe& probe) {
  std::string text = tr("vmm.ring.probe", probe.trap.median, probe.system_call.median, probe.root_load.median, probe.edit.median);
  const bool ordinary = std::all_of(probe.facts.begin(), probe.facts.end(), [](const RingFact& f) { return f.holds; });
  if (ordinary) return text + tr("vmm.ring.probe-ordinary");
  text += tr("vmm.ring.probe-unusual");
  std::string_view separator;
  for (const RingFact& fact : probe.facts) {
    if (fact.holds) continue;
    text += std::string(separator) + tr(fact.text_key);
    separator = "; ";
  }
  return text + ".";
}

}  // namespace ringside::vmm
