// One contract, two processors: the same small programs at CPL 3 of the modelled RingCpu and of the real one, each event and context compared field
// by field. Where a host is known to differ (the probe's facts), the programs that show it are run but not compared.
#include <cstring>
#include <sstream>

#include "vmm/machines/kvm/ring/ring_probe.h"
#include "vmm/machines/model/model_ring_cpu.h"
#include "vmm/testing/ring_or_skip.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;
using World = RingWorld;

namespace {

constexpr uint64_t kCode = World::kCode, kData = World::kData;
static_assert(ring_layout::base_of_slot(ring_layout::kFirstSlot, 4) == 0xffff808000000000);  // the programs below have it in their bytes

std::unique_ptr<RingBench> modelled() {
  auto bench = std::make_unique<RingBench>();
  auto world = World::create();
  REQUIRE(world);
  bench->world = std::move(world.value());
  bench->clock = std::make_unique<HostClock>();
  bench->cpu = std::make_unique<ModelRingCpu>(bench->world->memory(), bench->world->code_cache(), bench->world->model(), hw::SensitiveTraps::kAsBuilt);
  bench->controls = bench->world->controls();
  return bench;
}

enum class Bits : uint8_t { k64, k32 };

struct Program {
  const char* name;
  std::vector<uint8_t> code;
  // Of the probe's facts, the one that must hold for the outcome to be comparable; null: comparable everywhere.
  const char* needs = nullptr;
  Bits bits = Bits::k64;
  void (*prepare)(RingBench&) = nullptr;
};

void set_gpr(RingBench& b, hw::Gpr which, uint64_t value) { b.context.gpr[which] = value; }

const Program kPrograms[] = {
    // Privilege.
    {"cli", {0xfa}},
    {"sti", {0xfb}},
    {"hlt", {0xf4}},
    {"in", {0xec}},
    {"out", {0xe6, 0x80}},
    {"ins", {0x6c}},
    {"mov from cr0", {0x0f, 0x20, 0xc0}},
    {"mov to cr4", {0x0f, 0x22, 0xe0}},
    {"mov from cr8", {0x44, 0x0f, 0x20, 0xc0}},
    {"mov to dr7", {0x0f, 0x23, 0xf8}},
    {"lmsw", {0x0f, 0x01, 0xf0}},
    {"lgdt", {0x0f, 0x01, 0x54, 0x24, 0xf0}},
    {"lldt", {0x31, 0xc0, 0x0f, 0x00, 0xd0}},
    {"ltr", {0x31, 0xc0, 0x0f, 0x00, 0xd8}},
    {"rdmsr", {0x0f, 0x32}},
    {"wrmsr", {0x0f, 0x30}},
    {"invlpg", {0x0f, 0x01, 0x38}},
    {"swapgs", {0x0f, 0x01, 0xf8}},
    {"sysret", {0x48, 0x0f, 0x07}},
    {"wbinvd", {0x0f, 0x09}},
    {"clts", {0x0f, 0x06}},
    // Exceptions.
    {"ud2", {0x0f, 0x0b}},
    {"ud1", {0x0f, 0xb9, 0xc0}},
    {"lock on a register", {0xf0, 0x01, 0xc0}},
    {"div by zero", {0x31, 0xc9, 0xf7, 0xf1}},
    {"div overflow", {0xba, 2, 0, 0, 0, 0xb9, 1, 0, 0, 0, 0xf7, 0xf1}},
    {"too long", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}},
    {"movaps misaligned", {0x0f, 0x28, 0x44, 0x24, 0xe9}},
    {"non-canonical load", {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x8b, 0x00}},
    {"non-canonical push", {0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x50}},
    {"non-canonical through rbp", {0x48, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8b, 0x45, 0x00}},
    {"non-canonical jump", {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xe0}},
    {"alignment check",
     {0x8b, 0x44, 0x24, 0xf1, 0xfa},
     nullptr,
     Bits::k64,
     [](RingBench& b) { b.context.rflags |= hw::rflags::kAc, b.controls.cr0 |= hw::cr0::kAm; }},
    {"alignment unchecked", {0x8b, 0x44, 0x24, 0xf1, 0xfa}, "cr0_am", Bits::k64, [](RingBench& b) { b.context.rflags |= hw::rflags::kAc; }},
    {"x87 exception unmasked", {0x50, 0xdb, 0xe3, 0xc7, 0x04, 0x24, 0x7b, 0x03, 0, 0, 0xd9, 0x2c, 0x24, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b}},
    // push 0x1d80; ldmxcsr [rsp]; xorps xmm0, xmm0; xorps xmm1, xmm1; divss xmm0, xmm1: invalid, unmasked
    {"sse exception unmasked", {0x68, 0, 0x1f, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x0f, 0x57, 0xc0, 0x0f, 0x57, 0xc9, 0xf3, 0x0f, 0x5e, 0xc1}},
    {"floating point with CR0.TS", {0xd9, 0xd0, 0xfa}, "cr0_ts", Bits::k64, [](RingBench& b) { b.controls.cr0 |= hw::cr0::kTs; }},
    {"rdtsc with CR4.TSD", {0x0f, 0x31, 0xfa}, "cr4_tsd", Bits::k64, [](RingBench& b) { b.controls.cr4 |= hw::cr4::kTsd; }},
    {"sgdt with CR4.UMIP", {0x0f, 0x01, 0x44, 0x24, 0xf0, 0xfa}, "cr4_umip", Bits::k64, [](RingBench& b) { b.controls.cr4 |= hw::cr4::kUmip; }},
    {"rdfsbase without CR4.FSGSBASE",
     {0xf3, 0x48, 0x0f, 0xae, 0xc0, 0xfa},
     "cr4_fsgsbase",
     Bits::k64,
     [](RingBench& b) { b.controls.cr4 &= ~hw::cr4::kFsgsbase; }},
    // Page faults.
    {"load unmapped", {0x48, 0x8b, 0x04, 0x25, 0, 0, 0x70, 0}},
    {"store unmapped", {0x48, 0x89, 0x04, 0x25, 0x23, 1, 0x70, 0}},
    {"store read-only", {0x48, 0x89, 0x04, 0x25, 0, 0, 0x40, 0}},
    {"fetch unmapped", {0xb8, 0, 0, 0x70, 0, 0xff, 0xe0}},
    {"load across into unmapped", {0x48, 0x8b, 0x04, 0x25, 0xfd, 0xff, 0x50, 0}},
    {"fetch across into unmapped", {0xb8, 0xfe, 0x3f, 0x40, 0, 0xff, 0xe0}, nullptr, Bits::k64, [](RingBench& b) { std::memcpy(b.world->host(kCode + 0x3ffe), "\x48\xb8", 2); }},
    {"load from the monitor's part", {0x48, 0xb8, 0, 0, 1, 0, 0x80, 0x80, 0xff, 0xff, 0x8b, 0x00}},
    {"load of a supervisor's page",
     {0x48, 0x8b, 0x04, 0x25, 0, 0x30, 0x50, 0},
     nullptr,
     Bits::k64,
     [](RingBench& b) { b.world->set_entry(kData + 0x3000, b.world->data_page(3) | World::kPresent); }},
    {"fetch of a no-execute page",
     {0xb8, 0, 0x30, 0x50, 0, 0xff, 0xe0},
     nullptr,
     Bits::k64,
     [](RingBench& b) { b.world->set_entry(kData + 0x3000, b.world->data_page(3) | World::kPresent | World::kUser | World::kNoExecute); }},
    {"rep movsb stops in the middle",
     {0xf3, 0xa4, 0xfa},
     nullptr,
     Bits::k64,
     [](RingBench& b) { set_gpr(b, hw::kRsi, kData), set_gpr(b, hw::kRdi, kData + 0xf000 + 0xff0), set_gpr(b, hw::kRcx, 100); }},
    {"rep stosq backwards stops in the middle",
     {0xfd, 0xf3, 0x48, 0xab, 0xfa},
     nullptr,
     Bits::k64,
     [](RingBench& b) { set_gpr(b, hw::kRdi, kData + 24), set_gpr(b, hw::kRcx, 100); }},
    {"call whose push faults", {0xe8, 0, 0, 0, 0}, nullptr, Bits::k64, [](RingBench& b) { set_gpr(b, hw::kRsp, 0x700000); }},
    {"add to a read-only byte", {0x80, 0x04, 0x25, 0, 0, 0x40, 0, 1}},
    // Software interrupts and system calls.
    {"int3", {0x90, 0xcc}},
    {"int 3", {0xcd, 3}},
    {"int 4", {0xcd, 4}},
    {"int 0x80", {0x90, 0xcd, 0x80}},
    {"int 0x0e", {0xcd, 0x0e}},
    {"syscall", {0xb8, 39, 0, 0, 0, 0x0f, 0x05}},
    {"syscall disabled", {0x0f, 0x05}, "efer_sce", Bits::k64, [](RingBench& b) { b.controls.efer &= ~hw::efer::kSce; }},
    {"sysenter", {0x0f, 0x34}},
    // Flags.
    {"pushf, popf", {0xf9, 0x9c, 0x58, 0x6a, 0x02, 0x9d, 0x9c, 0x5b, 0xfa}},
    {"popf of IF, IOPL, NT, AC, ID", {0x68, 0x02, 0x70, 0x24, 0, 0x9d, 0x9c, 0x5b, 0xfa}},
    {"popf sets TF", {0x68, 0x02, 0x03, 0, 0, 0x9d, 0x90, 0x90, 0xfa}},
    {"single step", {0x90, 0x90, 0xfa}, nullptr, Bits::k64, [](RingBench& b) { b.context.rflags |= hw::rflags::kTf; }},
    {"single step over a faulting load", {0x8b, 0x04, 0x25, 0, 0, 0x70, 0}, nullptr, Bits::k64, [](RingBench& b) { b.context.rflags |= hw::rflags::kTf; }},
    {"icebp", {0xf1, 0x90, 0xfa}, "icebp"},
    {"code breakpoint",
     {0x90, 0x90, 0x90, 0xfa},
     "breakpoints",
     Bits::k64,
     [](RingBench& b) { b.controls.dr[0] = kCode + 2, b.controls.dr7 |= 1; }},
    // Segments.
    {"mov from cs", {0x8c, 0xc8, 0xfa}, "selectors"},
    {"mov from ds", {0x8c, 0xd8, 0xfa}, "selectors"},
    {"mov fs, based", {0xb8, World::kBasedData, 0, 0, 0, 0x8e, 0xe0, 0x64, 0x8b, 0x1c, 0x25, 8, 0, 0, 0, 0xfa}},
    {"mov gs, null", {0x31, 0xc0, 0x8e, 0xe8, 0xfa}, "selectors"},
    {"mov ds, beyond", {0xb8, 0x43, 0, 0, 0, 0x8e, 0xd8, 0xfa}},
    {"mov ds, the monitor's", {0xb8, 0xe8, 0xff, 0, 0, 0x8e, 0xd8, 0xfa}},
    {"mov ss, null", {0x31, 0xc0, 0x8e, 0xd0, 0xfa}},
    {"mov ss, data", {0xb8, World::kFlatData, 0, 0, 0, 0x8e, 0xd0, 0xfa}},
    {"lar of code", {0xb8, World::kCode64, 0, 0, 0, 0x0f, 0x02, 0xd8, 0xfa}, "selectors"},
    {"wrfsbase, wrgsbase", {0xb8, 0x78, 0x56, 0, 0, 0xf3, 0x48, 0x0f, 0xae, 0xd0, 0xf3, 0x48, 0x0f, 0xae, 0xd8, 0xfa}},
    {"wrfsbase non-canonical", {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xf3, 0x48, 0x0f, 0xae, 0xd0}},
    // push kCode64; push kCode + 16; retfq
    {"far return", {0x6a, World::kCode64, 0x68, 0x10, 0, 0x40, 0, 0x48, 0xcb, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xfa}},
    {"far return into 32-bit code", {0x6a, World::kCode32, 0x68, 0x10, 0, 0x40, 0, 0x48, 0xcb, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x40, 0xfa}},
    {"far return beyond", {0x6a, 0x43, 0x68, 0x10, 0, 0x40, 0, 0x48, 0xcb}},
    // mov rax, rsp; push ss; push rax; pushf; push cs; push kCode + 24; iretq
    {"iretq", {0x48, 0x89, 0xe0, 0x6a, World::kFlatData, 0x50, 0x9c, 0x6a, World::kCode64, 0x68, 0x18, 0, 0x40, 0, 0x48, 0xcf, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xfa}},
    {"iretq to another privilege", {0x48, 0x89, 0xe0, 0x6a, 0x18, 0x50, 0x9c, 0x6a, 0x10, 0x68, 0x18, 0, 0x40, 0, 0x48, 0xcf}},
    // Compatibility mode.
    {"32-bit inc, cli", {0x40, 0x43, 0xfa}, nullptr, Bits::k32},
    {"32-bit push, call, ret", {0x68, 1, 2, 3, 4, 0xe8, 1, 0, 0, 0, 0xfa, 0x5a, 0x59, 0xfa}, nullptr, Bits::k32},
    {"32-bit load unmapped", {0xa1, 0, 0, 0x70, 0}, nullptr, Bits::k32},
    {"32-bit int 0x80", {0xcd, 0x80}, nullptr, Bits::k32},
    {"32-bit int3", {0xcc}, nullptr, Bits::k32},
    {"32-bit into", {0xb0, 0x7f, 0x04, 0x01, 0xce}, nullptr, Bits::k32},
    {"32-bit sysenter", {0x0f, 0x34}, nullptr, Bits::k32},
    {"32-bit syscall", {0x0f, 0x05}, nullptr, Bits::k32},
    {"32-bit ud2", {0x0f, 0x0b}, nullptr, Bits::k32},
    {"32-bit div by zero", {0x31, 0xc9, 0xf7, 0xf1}, nullptr, Bits::k32},
    {"32-bit far jump to 64-bit", {0xea, 0x07, 0, 0x40, 0, World::kCode64, 0, 0x49, 0xff, 0xc7, 0xfa}, nullptr, Bits::k32},
    {"32-bit sse", {0x66, 0x0f, 0xef, 0xc0, 0xfa}, "compatibility_mode", Bits::k32},
    {"32-bit bound", {0x62, 0x04, 0x24}, "compatibility_mode", Bits::k32},
};

std::string hex(uint64_t value) {
  std::ostringstream out;
  out << std::hex << value;
  return out.str();
}

// Everything a monitor looks at, one field a line.
std::vector<std::string> described(const RingEvent& event, const RingContext& context) {
  std::vector<std::string> lines;
  bool syscall = false;
  if (const auto* e = std::get_if<RingException>(&event)) {
    lines.push_back("exception " + std::to_string(e->vector) + (e->software ? " software" : "") + (e->has_error ? " error " + hex(e->error) : "") +
                    " cr2 " + hex(e->cr2) + " dr6 " + hex(e->dr6 & 0xe00f));
  } else if (const auto* call = std::get_if<RingSystemCall>(&event)) {
    syscall = call->by == RingSystemCall::By::kSyscall;
    lines.push_back(syscall ? "SYSCALL" : "SYSENTER");
  } else {
    lines.push_back("interrupted");
  }
  lines.push_back("rip " + hex(context.rip));
  lines.push_back("rflags " + hex(context.rflags & ~hw::rflags::kRf));
  for (unsigned i = 0; i < 16; ++i) {
    // The real SYSCALL has put rip and flags there already, as the guest's will.
    if ((i == hw::kRcx || i == hw::kR11) && syscall) continue;
    lines.push_back("gpr " + std::to_string(i) + " " + hex(context.gpr[i]));
  }
  for (unsigned i = 0; i < 6; ++i) {
    const hw::Segment& s = context.segment[i];
    lines.push_back("segment " + std::to_string(i) + " " + hex(s.selector) + (s.usable() ? " base " + hex(s.base) + (s.long_code() ? " long" : "") : " null"));
  }
  return lines;
}

std::vector<std::string> outcome(RingBench& bench, const Program& program) {
  bench.controls = bench.world->controls();
  for (unsigned i = 0; i < World::kDataPages; ++i) std::memset(bench.world->host(kData + i * kPageSize), 0x11 * (i + 1), kPageSize);
  if (program.bits == Bits::k32) bench.load32(program.code);
  else bench.load(program.code);
  for (unsigned i = 0; i < 16; ++i)
    if (i != hw::kRsp) bench.context.gpr[i] = 0x1000 + i;
  bench.context.gpr[hw::kRsp] -= 256;
  const uint64_t third = bench.world->entry(kData + 0x3000);
  const auto tell = [&] {
    bench.flush.edits.push_back({bench.world->entry_of(kData + 0x3000)});
    bench.flush.pages.push_back(kData + 0x3000);
  };
  if (program.prepare) program.prepare(bench);
  tell();
  const RingEvent event = bench.enter();
  auto lines = described(event, bench.context);
  bench.world->set_entry(kData + 0x3000, third);
  tell();
  return lines;
}

}  // namespace

TEST_CASE("the real processor's events and contexts are the modelled one's") {
  const auto real = ring_or_skip();
  if (!real) return;
  const auto model = modelled();
  const auto probe = probe_ring();
  REQUIRE(probe);
  unsigned compared = 0;
  std::string not_compared;
  for (const Program& program : kPrograms) {
    const auto on_model = outcome(*model, program), on_real = outcome(*real, program);
    if (program.needs && !probe.value().holds(program.needs)) {
      if (on_model != on_real) not_compared += (not_compared.empty() ? "" : ", ") + std::string(program.name);
      continue;
    }
    ++compared;
    INFO(program.name);
    CHECK(on_real == on_model);
  }
  std::cout << "ring: " << compared << " programs the same; different as this host is known to be: " << not_compared << "\n";
}
