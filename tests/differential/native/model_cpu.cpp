#include "tests/differential/native/model_cpu.h"

#include <cstdlib>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/isa/decoder.h"

namespace ringside::differential {

using namespace hw;

namespace {

constexpr uint64_t kMemoryBytes = 4 << 20;
// Physical: page tables from 64 KiB, the window's pages at 1 MiB.
constexpr uint64_t kRoot = 0x10000, kPointers = 0x11000, kDirectory = 0x12000, kTable = 0x13000, kReadOnlyFrame = 0x100000, kReadWriteFrame = 0x101000;
constexpr uint64_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40;

Segment segment(unsigned type, uint32_t extra) {
  return {.base = 0, .limit = 0xffffffff, .selector = 0x2b, .rights = type | access_rights::kS | 3u << access_rights::kDplShift | access_rights::kP | access_rights::kG | extra};
}

// After the instruction: out of the block, rip behind it.
const Uop* end_of_case(Cpu& cpu, const Uop* op) {
  cpu.rip = cpu.rip_of(op);
  return nullptr;
}

PhysicalMemory make_memory() {
  auto memory = PhysicalMemory::create(kMemoryBytes);
  if (!memory) std::abort();
  return std::move(memory).value();
}

}  // namespace

struct ModelCpu::Parts {
  PhysicalMemory memory = make_memory();
  CodeCache code{memory};
  Cpu cpu{0, memory, code};
};

ModelCpu::ModelCpu() : parts_(std::make_unique<Parts>()) {
  map_window();
  Cpu& cpu = parts_->cpu;
  cpu.cr0 = cr0::kPe | cr0::kMp | cr0::kEt | cr0::kNe | cr0::kWp | cr0::kAm | cr0::kPg;
  cpu.cr3 = kRoot;
  cpu.cr4 = cr4::kPae | cr4::kOsfxsr | cr4::kOsxmmexcpt;
  cpu.efer = efer::kSce | efer::kLme | efer::kLma | efer::kNxe;
  for (unsigned i = kEs; i <= kGs; ++i) cpu.segment[i] = segment(3, access_rights::kDb);
  cpu.segment[kCs] = segment(11, access_rights::kL);
  cpu.segment[kCs].selector = 0x33;
  cpu.cpl = 3;
  cpu.system_flags = rflags::kFixed | rflags::kIf;
  cpu.mode_changed();
}
ModelCpu::~ModelCpu() = default;

// The window lies within one 2 MiB region, so one table of each level is enough.
void ModelCpu::map_window() {
  static_assert(kWindow >> 21 == (kWindowEnd + kPage) >> 21);
  PhysicalMemory& m = parts_->memory;
  const auto entry = [&](uint64_t table, unsigned shift, uint64_t value) { m.write(GuestPhysical(table + (kWindow >> shift & 511) * 8), value); };
  entry(kRoot, 39, kPointers | kPresent | kWritable | kUser | kAccessed);
  entry(kPointers, 30, kDirectory | kPresent | kWritable | kUser | kAccessed);
  entry(kDirectory, 21, kTable | kPresent | kWritable | kUser | kAccessed);
  m.write(GuestPhysical(kTable + (kReadOnlyPage >> 12 & 511) * 8), kReadOnlyFrame | kPresent | kUser | kAccessed);
  m.write(GuestPhysical(kTable + (kReadWritePage >> 12 & 511) * 8), kReadWriteFrame | kPresent | kWritable | kUser | kAccessed | kDirty);
}

void ModelCpu::load(const State& s, uint64_t rip) {
  Cpu& cpu = parts_->cpu;
  for (unsigned i = 0; i < 16; ++i) cpu.gpr[i] = s.gpr[i];
  cpu.set_rflags(s.flags | rflags::kIf);
  cpu.rip = rip;
  FpuState& f = cpu.fpu;
  f.control = s.fpu.control;
  f.status = s.fpu.status;
  f.empty = static_cast<uint8_t>(~s.fpu.tags);
  const unsigned top = s.fpu.status >> 11 & 7;
  for (unsigned i = 0; i < 8; ++i) f.st[(top + i) & 7] = {s.fpu.st[i].mantissa, s.fpu.st[i].sign_exponent};
  for (unsigned i = 0; i < 16; ++i) cpu.xmm[i] = {s.fpu.xmm[i][0], s.fpu.xmm[i][1]};
  cpu.mxcsr = s.fpu.mxcsr;
  cpu.pending = {};
  cpu.stop = StopNone{};
  cpu.want_single = false;
  cpu.interrupt_shadow = 0;
}

void ModelCpu::store(State& s) const {
  const Cpu& cpu = parts_->cpu;
  for (unsigned i = 0; i < 16; ++i) s.gpr[i] = cpu.gpr[i];
  s.flags = cpu.rflags();
  const FpuState& f = cpu.fpu;
  s.fpu.control = f.control;
  s.fpu.status = f.status;
  s.fpu.tags = static_cast<uint8_t>(~f.empty);
  const unsigned top = f.status >> 11 & 7;
  for (unsigned i = 0; i < 8; ++i) s.fpu.st[i] = {f.st[(top + i) & 7].mantissa, f.st[(top + i) & 7].sign_exponent, {}};
  for (unsigned i = 0; i < 16; ++i) {
    s.fpu.xmm[i][0] = cpu.xmm[i].lo;
    s.fpu.xmm[i][1] = cpu.xmm[i].hi;
  }
  s.fpu.mxcsr = cpu.mxcsr;
}

const Result& ModelCpu::run(const Case& c, unsigned slot, const Page& read_only, const Page& read_write) {
  Cpu& cpu = parts_->cpu;
  uint8_t* host_page = parts_->memory.host(GuestPhysical(kReadWriteFrame));
  std::memcpy(parts_->memory.host(GuestPhysical(kReadOnlyFrame)), read_only.data(), kPage);
  std::memcpy(host_page, read_write.data(), kPage);
  const uint64_t rip = kCode + uint64_t{slot} * kSlotBytes;
  load(c.before, rip);
  // One block of this one instruction, run as the loop runs a private block; repeated string instructions may need several turns.
  do {
    Block& block = cpu.scratch_block();
    decode({c.bytes.data(), c.length}, DecodeMode{}, 0, block.uops[0]);
    block.count = 1;
    block.uops[1] = Uop{};
    block.uops[1].fn = end_of_case;
    block.uops[1].offset = static_cast<uint16_t>(c.length);
    block.uops[1].index_in_block = 1;
    cpu.block = &block;
    cpu.gpr[kBlockRip] = cpu.rip;
    ++cpu.counters.instructions;
    const Uop* op = block.uops.get();
    do op = op->fn(cpu, op);
    while (op);
  } while (cpu.rip == rip && !cpu.pending.valid && cpu.stop.index() == 0);
  store(result_.state);
  result_.outcome = cpu.pending.valid ? Outcome::kFault : cpu.rip == rip + kTakenOffset ? Outcome::kTaken : Outcome::kFellThrough;
  result_.vector = cpu.pending.vector;
  result_.error = cpu.pending.has_error ? cpu.pending.error : 0;
  result_.fault_address = cpu.pending.cr2;
  std::memcpy(result_.memory.data(), host_page, kPage);
  return result_;
}

}  // namespace ringside::differential
