// What deprivileged code costs on the real processor: a compute loop at CPL 3 below the ring-0 stub beside the same bytes in a plain process of
// the host, and the prices of leaving it. `./dev bench ring` runs it.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "vmm/core/ring_world.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"
#include "vmm/machines/kvm/ring/ring_probe.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

constexpr uint32_t kIterations = 20'000'000;
constexpr unsigned kRepeats = 7;

// rdi: 64 KiB of data. Multiplies, adds, and loads and stores all over it; the last byte is how it ends.
std::vector<uint8_t> loop(uint8_t end) {
  return {0xb9, kIterations & 0xff, kIterations >> 8 & 0xff, kIterations >> 16 & 0xff, kIterations >> 24,  // mov ecx, kIterations
          0xb8, 1, 0, 0, 0,                          // mov eax, 1
          0x48, 0x69, 0xc0, 0x95, 0xe9, 0xd1, 0x5b,  // imul rax, rax, 0x5bd1e995
          0x0f, 0xb7, 0xd0,                          // movzx edx, ax
          0x83, 0xe2, 0xf8,                          // and edx, -8
          0x48, 0x03, 0x04, 0x17,                    // add rax, [rdi + rdx]
          0x48, 0x89, 0x04, 0x17,                    // mov [rdi + rdx], rax
          0xff, 0xc9,                                // dec ecx
          0x75, 0xe7,                                // jnz imul
          end};
}
constexpr uint8_t kCli = 0xfa, kRet = 0xc3;
constexpr size_t kDataBytes = RingWorld::kDataPages * kPageSize;

// Processor time of this thread: other programs on the host are not in it.
double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double host_seconds() {
  const auto code = loop(kRet);
  void* page = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 0;
  std::memcpy(page, code.data(), code.size());
  alignas(4096) static uint8_t data[kDataBytes];
  std::memset(data, 0, sizeof data);
  const double start = seconds();
  reinterpret_cast<void (*)(uint8_t*)>(page)(data);
  const double spent = seconds() - start;
  munmap(page, kPageSize);
  return spent;
}

Result<double> ring_seconds(RingWorld& world, KvmRingCpu& cpu) {
  RingContext context = world.context(loop(kCli));
  context.gpr[hw::kRdi] = RingWorld::kData;
  for (unsigned page = 0; page < RingWorld::kDataPages; ++page) std::memset(world.host(RingWorld::kData + page * kPageSize), 0, kPageSize);
  const double start = seconds();
  BOOST_OUTCOME_TRYV(cpu.enter(context, world.controls(), {}, {}));
  return seconds() - start;
}

Result<void> run() {
  const auto world = BOOST_OUTCOME_TRYX(RingWorld::create());
  HostClock clock;
  const auto cpu = BOOST_OUTCOME_TRYX(
      KvmRingCpu::create(world->memory(), ring_pages([&](uint64_t offset) { return world->part_page(offset); }), world->model(), clock));
  double host = 1e9, ring = 1e9;
  for (unsigned i = 0; i < kRepeats; ++i) {
    host = std::min(host, host_seconds());
    ring = std::min(ring, BOOST_OUTCOME_TRYX(ring_seconds(*world, *cpu)));
  }
  const auto per_iteration = [](double s) { return s * 1e9 / kIterations; };
  std::printf("%-58s %8.3f ns an iteration\n", "compute loop in a process of the host", per_iteration(host));
  std::printf("%-58s %8.3f ns an iteration, %.3f of it\n", "the same at CPL 3 below the stub", per_iteration(ring), ring / host);
  const RingProbe probe = BOOST_OUTCOME_TRYX(probe_ring());
  std::printf("%-58s %8.1f us\n%-58s %8.1f us\n", "CLI: trap and back", probe.trap.median, "SYSCALL and back",
              probe.system_call.median);
  std::printf("%-58s %8.1f us\n%-58s %8.2f us\n", "another root, in an entry", probe.root_load.median,
              "a table edit, in an entry", probe.edit.median);
  return success();
}

}  // namespace

int main() {
  if (const auto done = run(); !done) std::printf("skipped: %s\n", done.error().message.c_str());
}
