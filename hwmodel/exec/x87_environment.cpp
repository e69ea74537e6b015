// The x87 environment in memory: FNSTENV, FLDENV, FNSAVE, FRSTOR in their four formats [SDM 1 8.1.10, figures 8-9 to 8-12].
//
//   offset / 4 or 2   0   1   2   3                        4                          5         6
//   protected, 32     CW  SW  TW  IP                       opcode(26:16) CS(15:0)     DP        DS
//   protected, 16     CW  SW  TW  IP                       CS                         DP        DS
//   real, 32          CW  SW  TW  IP(15:0)                 IP(31:16) << 12 | opcode   DP(15:0)  DP(31:16) << 12
//   real, 16          CW  SW  TW  IP(15:0)                 IP(19:16) << 12 | opcode   DP(15:0)  DP(19:16) << 12
// FNSAVE appends ST(0)..ST(7), 10 bytes each.
#include <array>

#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

constexpr unsigned kFields = 7, kRegisterBytes = 10, kMaxBytes = kFields * 4 + 8 * kRegisterBytes;
using Image = std::array<uint8_t, kMaxBytes>;
using Fields = std::array<uint32_t, kFields>;

enum class Width : uint8_t { k16 = 2, k32 = 4 };
enum class Contents { kEnvironment, kEverything };
template <Width width, Contents contents>
constexpr unsigned kBytes = kFields * static_cast<unsigned>(width) + (contents == Contents::kEverything ? 8 * kRegisterBytes : 0);

// Two bits a register: 0 valid, 1 zero, 2 special, 3 empty [SDM 1 8.1.7].
uint16_t full_tags(const FpuState& f) {
  unsigned tags = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const Class c = classify(f.st[i]);
    const unsigned tag = f.empty >> i & 1 ? 3u : c == Class::kNormal ? 0u : c == Class::kZero ? 1u : 2u;
    tags |= tag << (2 * i);
  }
  return static_cast<uint16_t>(tags);
}
void set_tags(FpuState& f, uint32_t tags) {
  f.empty = 0;
  for (unsigned i = 0; i < 8; ++i) {
    if ((tags >> (2 * i) & 3) == 3) f.empty |= static_cast<uint8_t>(1u << i);
  }
}

bool real_format(const Cpu& cpu) { return cpu.in_real_mode() || cpu.in_v86_mode(); }

Fields make_fields(const Cpu& cpu) {
  const FpuState& f = cpu.fpu;
  const auto ip = static_cast<uint32_t>(f.last_ip), dp = static_cast<uint32_t>(f.last_dp);
  if (real_format(cpu)) {
    const uint32_t linear_ip = ip + (uint32_t{f.last_cs} << 4), linear_dp = dp + (uint32_t{f.last_ds} << 4);
    return {f.control, f.status, full_tags(f), linear_ip & 0xffff, (linear_ip >> 16) << 12 | f.last_opcode, linear_dp & 0xffff, (linear_dp >> 16) << 12};
  }
  return {f.control, f.status, full_tags(f), ip, uint32_t{f.last_opcode} << 16 | f.last_cs, dp, f.last_ds};
}

template <Width width>
void put_fields(const Fields& fields, Image& image) {
  // Halves without a meaning are ones in the 32-bit formats, as CPUs write them; fields 3 to 5 are used in full.
  for (unsigned i = 0; i < kFields; ++i) {
    const bool half = width == Width::k32 && (i < 3 || i == 6);
    const uint32_t value = half ? fields[i] | 0xffff0000 : fields[i];
    std::memcpy(image.data() + i * static_cast<unsigned>(width), &value, static_cast<unsigned>(width));
  }
}
template <Width width>
Fields get_fields(const Image& image) {
  Fields fields{};
  for (unsigned i = 0; i < kFields; ++i) std::memcpy(&fields[i], image.data() + i * static_cast<unsigned>(width), static_cast<unsigned>(width));
  return fields;
}

template <Width width>
void load_fields(Cpu& cpu, const Fields& fields) {
  FpuState& f = cpu.fpu;
  f.control = fixed_control(static_cast<uint16_t>(fields[0]));
  f.status = static_cast<uint16_t>(fields[1]);
  set_tags(f, fields[2]);
  if (real_format(cpu)) {
    f.last_ip = (fields[3] & 0xffff) | (fields[4] >> 12) << 16;
    f.last_dp = (fields[5] & 0xffff) | (fields[6] >> 12) << 16;
    f.last_cs = f.last_ds = 0;
    f.last_opcode = fields[4] & 0x7ff;
  } else {
    f.last_ip = fields[3];
    f.last_dp = fields[5];
    f.last_cs = static_cast<uint16_t>(fields[4]);
    f.last_ds = static_cast<uint16_t>(fields[6]);
    if (width == Width::k32) f.last_opcode = fields[4] >> 16 & 0x7ff;
  }
  update_summary(f);
}

// At most two pages are touched: with both ends writable no store can fault halfway.
bool store_image(Cpu& cpu, uint64_t linear, const Image& image, unsigned bytes) {
  if (!probe_write(cpu, linear, 2) || !probe_write(cpu, linear + bytes - 2, 2)) return false;
  for (unsigned at = 0; at < bytes; at += 2) {
    uint16_t part;
    std::memcpy(&part, image.data() + at, 2);
    if (!store_linear(cpu, linear + at, part)) return false;
  }
  return true;
}
bool load_image(Cpu& cpu, uint64_t linear, Image& image, unsigned bytes) {
  for (unsigned at = 0; at < bytes; at += 2) {
    uint16_t part;
    if (!load_linear(cpu, linear + at, part)) return false;
    std::memcpy(image.data() + at, &part, 2);
  }
  return true;
}

template <Width width, Contents contents>
bool store_state(Cpu& cpu, const Uop* op) {
  constexpr unsigned bytes = kBytes<width, contents>;
  uint64_t linear;
  if (!allow_x87_no_wait(cpu) || !operand_address(cpu, op, bytes, true, linear)) return false;
  FpuState& f = cpu.fpu;
  Image image;
  put_fields<width>(make_fields(cpu), image);
  if (contents == Contents::kEverything) {
    uint8_t* at = image.data() + kFields * static_cast<unsigned>(width);
    for (unsigned i = 0; i < 8; ++i, at += kRegisterBytes) {
      std::memcpy(at, &st(f, i).mantissa, 8);
      std::memcpy(at + 8, &st(f, i).sign_exponent, 2);
    }
  }
  if (!store_image(cpu, linear, image, bytes)) return false;
  if (contents == Contents::kEverything) {  // and initialise, as FNINIT
    const auto registers = f.st;
    f = FpuState{};
    f.st = registers;
  } else {  // and mask all exceptions
    f.control |= kExceptions;
    update_summary(f);
  }
  return true;
}
template <Width width, Contents contents>
bool load_state(Cpu& cpu, const Uop* op) {
  constexpr unsigned bytes = kBytes<width, contents>;
  uint64_t linear;
  Image image;
  if (!allow_x87(cpu) || !operand_address(cpu, op, bytes, false, linear) || !load_image(cpu, linear, image, bytes)) return false;
  load_fields<width>(cpu, get_fields<width>(image));
  if (contents == Contents::kEverything) {
    const uint8_t* at = image.data() + kFields * static_cast<unsigned>(width);
    for (unsigned i = 0; i < 8; ++i, at += kRegisterBytes) {
      std::memcpy(&st(cpu.fpu, i).mantissa, at, 8);
      std::memcpy(&st(cpu.fpu, i).sign_exponent, at + 8, 2);
    }
  }
  return true;
}

// The operand size chooses the format; Zydis tells it by the size of the memory operand.
template <Contents contents>
bool is_16bit(const Decoded& d) { return d.size(0) == kBytes<Width::k16, contents>; }
template <Contents contents>
bool bind_store(const Decoded& d, Uop& u) {
  u.fn = is_16bit<contents>(d) ? handler<store_state<Width::k16, contents>> : handler<store_state<Width::k32, contents>>;
  return true;
}
template <Contents contents>
bool bind_load(const Decoded& d, Uop& u) {
  u.fn = is_16bit<contents>(d) ? handler<load_state<Width::k16, contents>> : handler<load_state<Width::k32, contents>>;
  return true;
}

constexpr CostClass kSlow = CostClass::kX87Slow;
constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FNSTENV, "SDM 2A 3.2 FSTENV", bind_store<Contents::kEnvironment>, kSlow),
    row(ZYDIS_MNEMONIC_FLDENV, "SDM 2A 3.2 FLDENV", bind_load<Contents::kEnvironment>, kSlow),
    row(ZYDIS_MNEMONIC_FNSAVE, "SDM 2A 3.2 FSAVE", bind_store<Contents::kEverything>, kSlow),
    row(ZYDIS_MNEMONIC_FRSTOR, "SDM 2A 3.2 FRSTOR", bind_load<Contents::kEverything>, kSlow),
};

}  // namespace

std::span<const InstructionInfo> environment_rows() { return kRows; }

}  // namespace ringside::hw::x87
