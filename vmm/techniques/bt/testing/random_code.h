// Random kernel code for the translator's property test: innocuous and sensitive instructions in random forms,
// branches, and bytes that are no instruction at all. It may do anything to its data, its stack and itself; it always
// reaches an end or a bound.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace ringside::vmm::bt::testing {

class RandomCode {
 public:
  explicit RandomCode(uint64_t seed) : random_(seed) {}

  // About `count` instructions and HLT. `data`: distance from the code's start to memory that RIP-relative operands
  // should mostly reach.
  std::vector<uint8_t> block(unsigned count, int32_t data) {
    code_.clear();
    data_ = data;
    for (unsigned i = 0; i < count; ++i) one();
    put(0xf4);
    return code_;
  }
  uint64_t below(uint64_t n) { return random_() % n; }
  uint64_t word() { return random_(); }

 private:
  void put(unsigned b) { code_.push_back(static_cast<uint8_t>(b)); }
  void put32(uint32_t v) {
    for (unsigned i = 0; i < 4; ++i) put(v >> (8 * i));
  }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <size_t N>
  unsigned any(const uint8_t (&of)[N]) {
    return of[below(N)];
  }

  void prefixes() {
    if (one_in(6)) put(0x66);
    if (one_in(16)) put(one_in(2) ? 0x64 : 0x65);
    if (one_in(24)) put(0xf0);
    if (one_in(40)) put(0x67);
    if (one_in(2)) put(0x40 | below(16));
  }
  // ModRM and what follows: a register, [rbx + disp8], [rip + disp32] or [base + index * scale + disp8], with `after`
  // bytes of immediate behind.
  void operand(unsigned reg, unsigned after) {
    switch (below(6)) {
      case 0:
      case 1:
        put(0xc0 | reg << 3 | below(8));
        break;
      case 2:
      case 3:
        put(0x43 | reg << 3);
        put(below(128));
        break;
      case 4: {
        put(0x05 | reg << 3);
        const auto here = static_cast<int32_t>(code_.size() + 4 + after);
        const int32_t to = one_in(8) ? static_cast<int32_t>(below(64)) : data_ + static_cast<int32_t>(below(2048));
        put32(static_cast<uint32_t>(to - here));
        break;
      }
      default:
        put(0x44 | reg << 3);
        put(below(4) << 6 | any({4, 4, 4, 1, 2}) << 3 | any({3, 6, 7, 5}));
        put(below(64));
    }
  }
  void operand() { operand(static_cast<unsigned>(below(8)), 0); }

  void alu() {
    prefixes();
    put(below(8) << 3 | below(4));
    operand();
  }
  void two_byte() {
    static constexpr uint8_t kOpcodes[] = {0x40, 0x44, 0x45, 0x4c, 0x4f, 0x90, 0x94, 0x9e, 0xaf,
                                           0xb6, 0xb7, 0xbe, 0xbf, 0xbc, 0xbd, 0xc1, 0xb1, 0xc0,
                                           0x10, 0x11, 0x28, 0xfe, 0xef, 0x6f, 0x7f, 0xa5, 0x1f};
    prefixes();
    put(0x0f);
    put(any(kOpcodes));
    operand();
  }
  void one_byte() {
    static constexpr uint8_t kOpcodes[] = {0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b,
                                           0x8d, 0x63, 0xd1, 0xd3, 0xd2, 0xf7, 0xfe, 0x8c};
    prefixes();
    const unsigned opcode = any(kOpcodes);
    put(opcode);
    const bool no_immediate = opcode == 0xf7;
    operand(static_cast<unsigned>(no_immediate ? 2 + below(6) : opcode == 0xfe ? below(2) : below(8)), 0);
  }
  void immediate() {
    prefixes();
    switch (below(3)) {
      case 0:
        put(0x83);
        operand(static_cast<unsigned>(below(8)), 1);
        put(below(256));
        break;
      case 1:
        put(0xc1);
        operand(static_cast<unsigned>(below(8)), 1);
        put(below(256));
        break;
      default:
        put(0x6b);
        operand(static_cast<unsigned>(below(8)), 1);
        put(below(256));
    }
  }
  void stack() {
    switch (below(5)) {
      case 0:
        put(0x50 | below(8));
        break;
      case 1:
        put(0x58 | any({0, 1, 2, 5}));
        break;
      case 2:
        put(0x6a);
        put(below(256));
        break;
      case 3:
        put(0x68);
        put32(static_cast<uint32_t>(word()));
        break;
      default:
        put(0xff);
        operand(6, 0);
    }
  }
  void string() {
    if (one_in(2)) {  // mov cl, small; movzx ecx, cl; rep
      put(0xb9);
      put32(static_cast<uint32_t>(below(12)));
      put(one_in(3) ? 0xf2 : 0xf3);
    }
    put(any({0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xae, 0xac}));
  }
  void sensitive() {
    switch (below(12)) {
      case 0:
        put(0xfa);
        break;
      case 1:
        put(0xfb);
        break;
      case 2:
      case 3:
        put(0x9c);
        break;
      case 4:
        put(0x9d);
        break;
      case 5:
        put(0x9c);
        put(0x9d);
        break;
      case 6:
        put(0x0f);
        put(0x20);
        put(0xc0 | any({0, 2, 3, 4}) << 3 | any({0, 1, 2, 5}));
        break;
      case 7:
        prefixes();
        put(0x8c);
        operand(static_cast<unsigned>(below(6)), 0);
        break;
      case 8:
        put(0x0f);
        put(one_in(2) ? 0xa0 : 0xa8);
        break;
      case 9:
        put(0x0f);
        put(0x01);
        put(one_in(2) ? 0xca : 0xcb);
        break;
      case 10:
        prefixes();
        put(0x0f);
        put(0x01);
        operand(4, 0);
        break;
      default:
        prefixes();
        put(0x0f);
        put(0x00);
        operand(static_cast<unsigned>(below(2)), 0);
    }
  }
  void branch() {
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        put(0x70 | below(16));
        put(below(12));
        break;
      case 3:
        put(0xeb);
        put(below(8));
        break;
      case 4:
        put(0xe8);
        put32(static_cast<uint32_t>(below(10)));
        break;
      case 5:
        put(0x0f);
        put(0x80 | below(16));
        put32(static_cast<uint32_t>(below(16)));
        break;
      case 6:
        put(one_in(2) ? 0xe3 : 0xe2);
        put(below(8));
        break;
      case 7:  // lea rax, [rip + few]; call or jmp rax
        put(0x48);
        put(0x8d);
        put(0x05);
        put32(static_cast<uint32_t>(2 + below(12)));
        put(0xff);
        put(one_in(2) ? 0xd0 : 0xe0);
        break;
      case 8:  // call the next instruction, then return to it
        put(0xe8);
        put32(1);
        put(0x90);
        put(0xc3);
        break;
      default:
        if (one_in(4))
          put(0xc3);
        else {
          put(0x70 | below(16));
          put(0x100 - below(24) - 2);
        }  // backwards
    }
  }
  void one() {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
        return alu();
      case 3:
      case 4:
        return two_byte();
      case 5:
      case 6:
        return one_byte();
      case 7:
        return immediate();
      case 8:
      case 9:
        return stack();
      case 10:
        return string();
      case 11:
      case 12:
      case 13:
        return sensitive();
      case 14:
        return branch();
      default:
        if (!one_in(12)) return branch();
        for (unsigned i = 0; i < 4; ++i) put(below(256));
    }
  }

  std::mt19937_64 random_;
  std::vector<uint8_t> code_;
  int32_t data_ = 0;
};

}  // namespace ringside::vmm::bt::testing
