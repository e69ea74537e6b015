// The architectural state of one modelled x86-64 CPU: plain data, copied whole by snapshots and compared by lockstep tests.
// No behaviour beyond flag packing; handlers in exec/ act on it through Cpu (machine/cpu.h).
#pragma once

#include <array>
#include <cstdint>

namespace ringside::hw {

// General registers in the encoding order of ModRM. Index 16 always reads 0 (absent base or index); index 17 holds the
// linear-free start address of the executing block, the base of RIP-relative operands.
enum Gpr : uint8_t { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi, kR8, kR9, kR10, kR11, kR12, kR13, kR14, kR15, kNoReg, kBlockRip, kGprSlots };

// Segment registers in the encoding order of Sreg. kNoSegment: an operand whose segment base and limit do not apply.
enum SegmentName : uint8_t { kEs, kCs, kSs, kDs, kFs, kGs, kNoSegment, kSegmentSlots };

// Access rights in the layout of VMX [SDM 3C 25.4.1 "Guest Register State", access-rights format]:
//   16 unusable | 15 G | 14 D/B | 13 L | 12 AVL | 7 P | 6:5 DPL | 4 S | 3:0 type
namespace access_rights {
constexpr uint32_t kTypeMask = 0xf, kS = 1u << 4, kDplShift = 5, kP = 1u << 7, kL = 1u << 13, kDb = 1u << 14, kG = 1u << 15,
                   kUnusable = 1u << 16;
}

struct Segment {
  uint64_t base = 0;
  uint32_t limit = 0;   // in bytes, granularity already applied
  uint16_t selector = 0;
  uint32_t rights = 0;  // access_rights layout
  unsigned type() const { return rights & access_rights::kTypeMask; }
  unsigned dpl() const { return (rights >> access_rights::kDplShift) & 3; }
  bool present() const { return rights & access_rights::kP; }
  bool usable() const { return !(rights & access_rights::kUnusable); }
  bool long_code() const { return rights & access_rights::kL; }
  bool big() const { return rights & access_rights::kDb; }
};

struct TableRegister {
  uint64_t base = 0;
  uint16_t limit = 0;
};

// RFLAGS bits [SDM 1 3.4.3 "EFLAGS Register"].
namespace rflags {
constexpr uint64_t kCf = 1 << 0, kFixed = 1 << 1, kPf = 1 << 2, kAf = 1 << 4, kZf = 1 << 6, kSf = 1 << 7, kTf = 1 << 8,
                   kIf = 1 << 9, kDf = 1 << 10, kOf = 1 << 11, kIopl = 3 << 12, kNt = 1 << 14, kRf = 1 << 16, kVm = 1 << 17,
                   kAc = 1 << 18, kVif = 1 << 19, kVip = 1 << 20, kId = 1 << 21;
constexpr uint64_t kArithmetic = kCf | kPf | kAf | kZf | kSf | kOf;
}  // namespace rflags

namespace cr0 {
constexpr uint64_t kPe = 1 << 0, kMp = 1 << 1, kEm = 1 << 2, kTs = 1 << 3, kEt = 1 << 4, kNe = 1 << 5, kWp = 1 << 16, kAm = 1 << 18,
                   kNw = 1 << 29, kCd = 1 << 30, kPg = 1u << 31;
}
namespace cr4 {
constexpr uint64_t kVme = 1 << 0, kPvi = 1 << 1, kTsd = 1 << 2, kDe = 1 << 3, kPse = 1 << 4, kPae = 1 << 5, kMce = 1 << 6, kPge = 1 << 7,
                   kPce = 1 << 8, kOsfxsr = 1 << 9, kOsxmmexcpt = 1 << 10, kUmip = 1 << 11, kLa57 = 1 << 12, kVmxe = 1 << 13,
                   kFsgsbase = 1 << 16, kPcide = 1 << 17, kOsxsave = 1 << 18, kSmep = 1 << 20, kSmap = 1 << 21, kPke = 1 << 22;
}
namespace efer {
constexpr uint64_t kSce = 1 << 0, kLme = 1 << 8, kLma = 1 << 10, kNxe = 1 << 11;
}

// x87 and SSE state. Registers of the x87 stack are in physical order (index = (top + i) & 7 for ST(i)); MMX aliases
// their mantissas by physical index.
struct X87Register {
  uint64_t mantissa = 0;
  uint16_t sign_exponent = 0;
};
struct FpuState {
  std::array<X87Register, 8> st;
  uint16_t control = 0x037f;
  uint16_t status = 0;         // TOP is kept in bits 13:11 of this word
  uint8_t empty = 0xff;        // bit i set: physical register i is empty (the abridged tag word, inverted)
  uint16_t last_opcode = 0;
  uint64_t last_ip = 0, last_dp = 0;
  uint16_t last_cs = 0, last_ds = 0;
};
struct alignas(16) Xmm {
  uint64_t lo = 0, hi = 0;
};

// Lazy arithmetic flags: the last result and what cannot be derived from it.
//   result  sign-extended to 64 bits: ZF = (result == 0), SF = bit 63 ^ aux bit 0, PF = even parity of (result ^ aux >> 8) low byte
//   aux     bit 63 CF, bit 62 CF ^ OF, bit 3 AF, bits 15:8 parity delta, bit 0 sign delta
struct LazyFlags {
  uint64_t result = 1;
  uint64_t aux = 0;

  bool cf() const { return aux >> 63; }
  bool of() const { return ((aux >> 63) ^ (aux >> 62)) & 1; }
  bool af() const { return (aux >> 3) & 1; }
  bool zf() const { return result == 0; }
  bool sf() const { return ((result >> 63) ^ aux) & 1; }
  bool pf() const { return !(__builtin_popcountll((result ^ (aux >> 8)) & 0xff) & 1); }
  // The six arithmetic flags in their RFLAGS positions.
  uint64_t pack() const {
    return uint64_t{cf()} | uint64_t{pf()} << 2 | uint64_t{af()} << 4 | uint64_t{zf()} << 6 | uint64_t{sf()} << 7 | uint64_t{of()} << 11;
  }
  void unpack(uint64_t f) {
    const uint64_t c = f & 1, p = (f >> 2) & 1, a = (f >> 4) & 1, z = (f >> 6) & 1, s = (f >> 7) & 1, o = (f >> 11) & 1;
    result = z ? 0 : 1;                               // natural parity of 0 is even (1), of 1 is odd (0); natural sign is 0
    const uint64_t natural_parity = z;
    aux = c << 63 | (c ^ o) << 62 | a << 3 | (p ^ natural_parity) << 8 | s;
  }
};

struct CpuState {
  std::array<uint64_t, kGprSlots> gpr{};
  uint64_t rip = 0xfff0;
  LazyFlags arithmetic;
  uint64_t system_flags = rflags::kFixed;  // every RFLAGS bit outside rflags::kArithmetic
  std::array<Segment, kSegmentSlots> segment{};
  Segment ldtr, tr;
  TableRegister gdtr, idtr;
  uint64_t cr0 = 0x60000010, cr2 = 0, cr3 = 0, cr4 = 0, cr8 = 0, efer = 0;
  std::array<uint64_t, 4> dr{};
  uint64_t dr6 = 0xffff0ff0, dr7 = 0x400;
  FpuState fpu;
  std::array<Xmm, 16> xmm{};
  uint32_t mxcsr = 0x1f80;
  uint8_t cpl = 0;
  bool halted = false;
  // Interrupts are held off for one instruction after STI, MOV SS and POP SS [SDM 3A 6.8.3]; counts down at retirement.
  uint8_t interrupt_shadow = 0;
  bool nmi_blocked = false;

  uint64_t rflags() const { return system_flags | arithmetic.pack(); }
  void set_rflags(uint64_t f) {
    arithmetic.unpack(f);
    system_flags = (f & ~rflags::kArithmetic) | rflags::kFixed;
  }
};

}  // namespace ringside::hw
