#include "tests/differential/native/random_state.h"

#include <cstring>
#include <iterator>

#include "hwmodel/isa/decoder.h"
#include "tests/differential/native/generator.h"

namespace ringside::differential {
namespace {

constexpr uint64_t kIntegers[] = {0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
                                  0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000};
constexpr uint32_t kSingles[] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0xff812345, 1,
                                 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x40490fdb, 0x3f000000, 0x3effffff, 0x4b000001,
                                 0x4effffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x00400000, 0x20000000, 0x5f7fffff};
constexpr uint64_t kDoubles[] = {0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
                                 0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 0xfff4123456789abc, 1, 0x800fffffffffffff,
                                 0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x400921fb54442d18, 0x3fe0000000000000,
                                 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000, 0x4330000000000001,
                                 0x47efffffe0000000, 0x3810000000000000, 0x36a0000000000000, 0x3690000000000000, 0x0008000000000000};

template <class T, size_t n>
T pick(Random& random, const T (&values)[n]) { return values[random.below(n)]; }

uint64_t random_integer(Random& random) {
  switch (random.below(4)) {
    case 0: return pick(random, kIntegers);
    case 1: return random.below(256);
    case 2: return random.next() >> random.below(64);
    default: return random.next();
  }
}
// 64 bits that often are two singles, a double or integers.
uint64_t random_quad(Random& random) {
  const auto single = [&]() -> uint64_t {
    return random.chance(60) ? pick(random, kSingles) : ((random.next() & 0x83ffffff) | 0x3c000000);  // magnitudes near one
  };
  switch (random.below(5)) {
    case 0: { const uint64_t low = single(); return low | single() << 32; }
    case 1: return pick(random, kDoubles);
    case 2: return (random.next() & 0x803fffffffffffff) | 0x3fc0000000000000;
    case 3: return random_integer(random);
    default: return random.next();
  }
}
X87Slot random_extended(Random& random) {
  const uint16_t sign = random.chance(50) ? 0x8000 : 0;
  const auto with = [&](uint64_t mantissa, uint64_t exponent) { return X87Slot{mantissa, static_cast<uint16_t>(sign | exponent), {}}; };
  constexpr uint64_t kInteger = 1ull << 63;
  switch (random.below(16)) {
    case 0: return with(0, 0);
    case 1: return with(kInteger, 0x7fff);
    case 2: return with(kInteger | random.next(), 0x7fff);               // NaN, mostly
    case 3: return with((random.next() >> 2) | kInteger, 0x7fff);        // signalling
    case 4: return with(random.next() >> (1 + random.below(63)), 0);     // denormal
    case 5: return with(random.next(), 0);                               // perhaps pseudo-denormal
    case 6: return with(random.next(), random.below(0x8000));            // perhaps unsupported
    case 7: return with(kInteger | random.next(), random.below(0x7fff)); // any normal
    case 8: return with(kInteger, 0x3fff + random.below(8));
    case 9: return with(random.chance(50) ? ~0ull : kInteger, random.chance(50) ? 1 + random.below(4) : 0x7ffe - random.below(4));
    case 10: { const uint64_t v = random.below(1u << 20) | 1; const int shift = __builtin_clzll(v); return with(v << shift, static_cast<uint64_t>(0x3fff + 63 - shift)); }
    case 11: return with(random.next(), 0xffff);                         // as MMX leaves it
    default: return with(kInteger | random.next(), 0x3fff - 30 + random.below(70));
  }
}

uint16_t random_control(Random& random) {
  static constexpr uint16_t kPrecisions[] = {0, 2, 3, 3};
  const uint16_t masks = random.chance(75) ? 0x3f : random.next() & 0x3f;
  return static_cast<uint16_t>(0x40 | masks | pick(random, kPrecisions) << 8 | random.below(4) << 10);
}
uint32_t random_mxcsr(Random& random) {
  if (random.chance(50)) return 0x1f80 | (random.next() & 0x3f);
  const uint32_t masks = random.chance(70) ? 0x1f80 : random.next() & 0x1f80;
  return static_cast<uint32_t>(masks | (random.next() & 0xe07f));
}

void random_fpu(Random& random, FpuImage& f) {
  f.control = random_control(random);
  const uint16_t flags = random.chance(85) ? random.next() & 0x7f & f.control : random.next() & 0x7f;
  f.status = static_cast<uint16_t>((random.next() & 0x7f00) | flags);
  if (flags & ~f.control & 0x3f) f.status |= 0x8080;
  f.tags = static_cast<uint8_t>(random.chance(30) ? random.next() : random.chance(50) ? 0xff : random.next() | random.next());
  // Empty registers at the top make room for pushes.
  if (random.chance(50)) f.tags &= static_cast<uint8_t>(~(1u << ((((f.status >> 11) & 7) + 7) & 7)));
  for (auto& st : f.st) st = random_extended(random);
  for (auto& xmm : f.xmm) {
    xmm[0] = random_quad(random);
    xmm[1] = random_quad(random);
  }
  f.mxcsr = random_mxcsr(random);
}

// --- addresses ---------------------------------------------------------------------------------------------------------------------

// Where an operand of `bytes` bytes shall lie.
uint64_t random_target(Random& random, unsigned bytes, const hw::Decoded& d) {
  const bool image = d.insn.mnemonic == ZYDIS_MNEMONIC_FXRSTOR || d.insn.mnemonic == ZYDIS_MNEMONIC_FXRSTOR64;
  if (image && random.chance(70)) return kReadWritePage + 1024;  // random_page puts a sensible image there
  const unsigned size = bytes == 0 ? 8 : bytes;
  const uint64_t inside = kReadWritePage + 64 + random.below(kPage - 128 - size);
  switch (random.below(20)) {
    case 0: return kWindowEnd - random.below(size + 1);                  // over the end: not present
    case 1: return kReadOnlyPage + random.below(kPage);                  // read-only, or across into the writable page
    case 2: return kReadOnlyPage - random.below(size + 1);               // over the start
    case 3: return random.chance(50) ? (0x8000000000000000ull | random.next()) & ~(1ull << 62) : inside;  // never canonical
    case 4:
    case 5: return inside;
    case 6: return inside | 1;
    default: return inside & ~uint64_t{15};
  }
}

uint64_t* gpr_of(ZydisRegister reg, State& s) {
  const auto kind = ZydisRegisterGetClass(reg);
  if (kind != ZYDIS_REGCLASS_GPR64 && kind != ZYDIS_REGCLASS_GPR32) return nullptr;
  return &s.gpr[hw::register_number(reg)];
}
uint64_t truncate(uint64_t value, const hw::Decoded& d) { return d.insn.address_width == 32 ? static_cast<uint32_t>(value) : value; }

uint64_t effective_address(const hw::Decoded& d, const ZydisDecodedOperand& op, State& s, uint64_t rip_after) {
  uint64_t address = static_cast<uint64_t>(op.mem.disp.has_displacement ? op.mem.disp.value : 0);
  if (op.mem.base == ZYDIS_REGISTER_RIP || op.mem.base == ZYDIS_REGISTER_EIP) address += rip_after;
  else if (const uint64_t* base = gpr_of(op.mem.base, s)) address += *base;
  if (op.mem.index == ZYDIS_REGISTER_AL) address += s.gpr[0] & 0xff;  // XLAT
  else if (const uint64_t* index = gpr_of(op.mem.index, s)) address += *index * op.mem.scale;
  return truncate(address, d);
}

bool is_bit_test(const hw::Decoded& d) {
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: return true;
    default: return false;
  }
}

// Moves the operand to `target` by changing its base register, or its displacement where it has none.
bool aim(const hw::Decoded& d, const ZydisDecodedOperand& op, Case& c, uint64_t target, uint64_t rip_after) {
  State& s = c.before;
  const uint64_t now = effective_address(d, op, s, rip_after);
  uint64_t* base = gpr_of(op.mem.base, s);
  if (base) {
    if (op.mem.index == op.mem.base && op.mem.scale != 0) return false;
    *base = truncate(*base + (target - now), d);
  } else {
    const auto& disp = d.insn.raw.disp;
    if (disp.size != 32) return false;
    int32_t old;
    std::memcpy(&old, c.bytes.data() + disp.offset, 4);
    const uint64_t wanted = static_cast<uint64_t>(int64_t{old}) + (target - now);
    const auto value = static_cast<int32_t>(wanted);
    if (static_cast<uint64_t>(int64_t{value}) != wanted) return false;
    std::memcpy(c.bytes.data() + disp.offset, &value, 4);
  }
  return true;
}

// An address the instruction may not reach: the real CPU would touch the test's own memory.
bool is_safe(uint64_t address, unsigned bytes) {
  const bool in_window = address >= kWindow && address + bytes <= kWindowEnd + kPage;
  const auto high = static_cast<int64_t>(address) >> 47;
  const bool not_user = high != 0;  // not canonical or the kernel's half: always a fault
  return in_window || not_user;
}

}  // namespace

void random_state(Random& random, State& s) {
  for (auto& value : s.gpr) value = random_integer(random);
  // Pointers where stack and string instructions look for them.
  for (const unsigned r : {4u, 5u, 6u, 7u}) {
    const uint64_t inside = kReadWritePage + 512 + random.below(kPage - 1024);
    if (r == 4 || random.chance(70)) s.gpr[r] = random.chance(80) ? inside & ~uint64_t{15} : inside;
  }
  s.flags = (random.next() & 0x8d5) | 0x202 | (random.chance(25) ? 0x400 : 0);
  random_fpu(random, s.fpu);
}

void random_page(Random& random, Page& page) {
  for (unsigned at = 0; at < kPage; at += 16) {
    const X87Slot extended = random_extended(random);
    uint64_t chunk[2] = {random_quad(random), random_quad(random)};
    if (random.chance(25)) std::memcpy(chunk, &extended, 10);
    if (random.chance(10)) chunk[0] = random_mxcsr(random);
    std::memcpy(page.data() + at, chunk, 16);
  }
  FpuImage image{};
  random_fpu(random, image);
  if (random.chance(10)) image.mxcsr |= 0x10000;  // a reserved bit
  std::memcpy(page.data() + 1024, &image, 416);
}

bool prepare_operands(Random& random, unsigned slot, hw::Decoded& d, Case& c) {
  State& s = c.before;
  const uint64_t rip = kCode + uint64_t{slot} * kSlotBytes, rip_after = rip + c.length;
  // ENTER copies up to 31 frame pointers and moves the stack by its first operand: both are kept small.
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_ENTER) {
    c.bytes[d.insn.raw.imm[0].offset + 1u] = 0;
    s.gpr[5] = kReadWritePage + 1024 + random.below(1024) * 2;
  }
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_LEAVE) s.gpr[5] = kReadWritePage + 1024 + random.below(1024) * 2;
  if (d.insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) s.gpr[1] = random.below(12);
  if (d.insn.meta.category == ZYDIS_CATEGORY_COND_BR && random.chance(30)) s.gpr[1] = random.below(3);
  if (d.insn.operand_count_visible > 0 && d.is_imm(0) && d.ops[0].imm.is_relative) {
    const auto& imm = d.insn.raw.imm[0];
    const int32_t distance = static_cast<int32_t>(kTakenOffset) - static_cast<int32_t>(c.length);
    std::memset(c.bytes.data() + imm.offset, 0, imm.size / 8);
    std::memcpy(c.bytes.data() + imm.offset, &distance, imm.size / 8);
  }
  if (is_bit_test(d) && d.is_mem(0) && d.is_reg(1)) {
    const unsigned r = hw::register_number(d.ops[1].reg.value);
    s.gpr[r & 15] = random.below(512) - 256;
  }
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    const auto& op = d.ops[i];
    if (op.type != ZYDIS_OPERAND_TYPE_MEMORY || op.mem.type != ZYDIS_MEMOP_TYPE_MEM) continue;
    const bool visible = i < d.insn.operand_count_visible;
    const unsigned bytes = op.size / 8;
    if (visible && !aim(d, op, c, random_target(random, bytes, d), rip_after)) return false;
    if (!visible && !is_safe(effective_address(d, op, s, rip_after), bytes) &&
        !aim(d, op, c, kReadWritePage + 512 + random.below(2048), rip_after)) {
      return false;
    }
  }
  // The bytes may have changed: decode again, and check that every access stays within the window or faults.
  if (!decode_both({c.bytes.data(), c.length}, d)) return false;
  constexpr unsigned kReach = 192;  // of repeated, nested and bit-addressed accesses beyond the operand itself
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    const auto& op = d.ops[i];
    if (op.type != ZYDIS_OPERAND_TYPE_MEMORY || op.mem.type != ZYDIS_MEMOP_TYPE_MEM) continue;
    const uint64_t address = effective_address(d, op, s, rip_after);
    if (!is_safe(address - kReach, op.size / 8 + 2 * kReach)) return false;
  }
  return true;
}

}  // namespace ringside::differential
