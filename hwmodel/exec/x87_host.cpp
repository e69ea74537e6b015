#include "hwmodel/exec/x87_host.h"

namespace ringside::hw::x87 {
// The frame around each instruction. The first FNINIT forgets what other code of this process left (libm's quadruple precision
// raises flags, which the guest's control word might unmask), FNCLEX drops what is pending before the waiting FSTP, and the last
// FNINIT empties the stack and restores the default control word whatever happened between.
#define RINGSIDE_X87_LOAD_TWO "fninit\n\tfldt %[b]\n\tfldt %[a]\n\tfldcw %[cw]\n\t"
#define RINGSIDE_X87_LOAD_ONE "fninit\n\tfldt %[a]\n\tfldcw %[cw]\n\t"
#define RINGSIDE_X87_RESULT "\n\tfnstsw %[sw]\n\tfnclex\n\tfstpt %[r]\n\tfninit"
#define RINGSIDE_X87_STATUS "\n\tfnstsw %[sw]\n\tfninit"
#define RINGSIDE_X87_CLOBBERS "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc"

HostResult host_arithmetic(Arithmetic op, uint16_t control, const X87Register& st0, const X87Register& st1) {
  HostResult out;
  switch (op) {
    case Arithmetic::kAdd:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fadd %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kMultiply:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fmul %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtract:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fsub %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtractReversed:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fsubr %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivide:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fdiv %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivideReversed:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fdivr %%st(1), %%st" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}
HostResult host_arithmetic_m32(Arithmetic op, uint16_t control, const X87Register& st0, uint32_t memory) {
  HostResult out;
  switch (op) {
    case Arithmetic::kAdd:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fadds %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kMultiply:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fmuls %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtract:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fsubs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtractReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fsubrs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivide:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fdivs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivideReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fdivrs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}
HostResult host_arithmetic_m64(Arithmetic op, uint16_t control, const X87Register& st0, uint64_t memory) {
  HostResult out;
  switch (op) {
    case Arithmetic::kAdd:
      asm volatile(RINGSIDE_X87_LOAD_ONE "faddl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kMultiply:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fmull %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtract:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fsubl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtractReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fsubrl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivide:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fdivl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivideReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fdivrl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}
HostResult host_arithmetic_i16(Arithmetic op, uint16_t control, const X87Register& st0, uint16_t memory) {
  HostResult out;
  switch (op) {
    case Arithmetic::kAdd:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fiadds %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kMultiply:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fimuls %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtract:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fisubs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtractReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fisubrs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivide:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fidivs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivideReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fidivrs %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}
HostResult host_arithmetic_i32(Arithmetic op, uint16_t control, const X87Register& st0, uint32_t memory) {
  HostResult out;
  switch (op) {
    case Arithmetic::kAdd:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fiaddl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kMultiply:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fimull %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtract:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fisubl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kSubtractReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fisubrl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivide:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fidivl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Arithmetic::kDivideReversed:
      asm volatile(RINGSIDE_X87_LOAD_ONE "fidivrl %[b]" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}

HostResult host_unary(Unary op, uint16_t control, const X87Register& st0, const X87Register& st1) {
  HostResult out;
  switch (op) {
    case Unary::kSqrt:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fsqrt" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Unary::kRound:
      asm volatile(RINGSIDE_X87_LOAD_TWO "frndint" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Unary::kScale:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fscale" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Unary::kRemainder:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fprem" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
    case Unary::kRemainder1:
      asm volatile(RINGSIDE_X87_LOAD_TWO "fprem1" RINGSIDE_X87_RESULT
                   : [r] "=m"(out.value), [sw] "=m"(out.status)
                   : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                   : RINGSIDE_X87_CLOBBERS);
      break;
  }
  return out;
}
HostResult host_extract(uint16_t control, const X87Register& st0, X87Register& exponent) {
  HostResult out;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fxtract\n\tfnstsw %[sw]\n\tfnclex\n\tfstpt %[r]\n\tfstpt %[e]\n\tfninit"
               : [r] "=m"(out.value), [e] "=m"(exponent), [sw] "=m"(out.status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}

HostResult host_compare(Comparison op, uint16_t control, const X87Register& st0, const X87Register& st1) {
  HostResult out;
  if (op == Comparison::kOrdered) {
    asm volatile(RINGSIDE_X87_LOAD_TWO "fcom %%st(1)" RINGSIDE_X87_STATUS
                 : [sw] "=m"(out.status)
                 : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                 : RINGSIDE_X87_CLOBBERS);
  } else {
    asm volatile(RINGSIDE_X87_LOAD_TWO "fucom %%st(1)" RINGSIDE_X87_STATUS
                 : [sw] "=m"(out.status)
                 : [a] "m"(st0), [b] "m"(st1), [cw] "m"(control)
                 : RINGSIDE_X87_CLOBBERS);
  }
  return out;
}
HostResult host_compare_m32(uint16_t control, const X87Register& st0, uint32_t memory) {
  HostResult out;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fcoms %[b]" RINGSIDE_X87_STATUS
               : [sw] "=m"(out.status)
               : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}
HostResult host_compare_m64(uint16_t control, const X87Register& st0, uint64_t memory) {
  HostResult out;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fcoml %[b]" RINGSIDE_X87_STATUS
               : [sw] "=m"(out.status)
               : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}
HostResult host_compare_i16(uint16_t control, const X87Register& st0, uint16_t memory) {
  HostResult out;
  asm volatile(RINGSIDE_X87_LOAD_ONE "ficoms %[b]" RINGSIDE_X87_STATUS
               : [sw] "=m"(out.status)
               : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}
HostResult host_compare_i32(uint16_t control, const X87Register& st0, uint32_t memory) {
  HostResult out;
  asm volatile(RINGSIDE_X87_LOAD_ONE "ficoml %[b]" RINGSIDE_X87_STATUS
               : [sw] "=m"(out.status)
               : [a] "m"(st0), [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}

HostResult host_load_m32(uint16_t control, uint32_t memory) {
  HostResult out;
  asm volatile("fninit\n\tfldcw %[cw]\n\tflds %[b]" RINGSIDE_X87_RESULT
               : [r] "=m"(out.value), [sw] "=m"(out.status)
               : [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}
HostResult host_load_m64(uint16_t control, uint64_t memory) {
  HostResult out;
  asm volatile("fninit\n\tfldcw %[cw]\n\tfldl %[b]" RINGSIDE_X87_RESULT
               : [r] "=m"(out.value), [sw] "=m"(out.status)
               : [b] "m"(memory), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}
HostResult host_load_integer(int64_t value) {
  HostResult out;
  asm volatile("fninit\n\tfildll %[b]" RINGSIDE_X87_RESULT
               : [r] "=m"(out.value), [sw] "=m"(out.status)
               : [b] "m"(value)
               : RINGSIDE_X87_CLOBBERS);
  return out;
}

uint16_t host_store_m32(uint16_t control, const X87Register& st0, uint32_t& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fsts %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}
uint16_t host_store_m64(uint16_t control, const X87Register& st0, uint64_t& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fstl %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}
uint16_t host_store_i16(uint16_t control, const X87Register& st0, uint16_t& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fists %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}
uint16_t host_store_i32(uint16_t control, const X87Register& st0, uint32_t& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fistl %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}
uint16_t host_store_i64(uint16_t control, const X87Register& st0, uint64_t& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fistpll %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}
uint16_t host_store_decimal(uint16_t control, const X87Register& st0, PackedDecimal& memory) {
  uint16_t status;
  asm volatile(RINGSIDE_X87_LOAD_ONE "fbstp %[m]" RINGSIDE_X87_STATUS
               : [m] "+m"(memory), [sw] "=m"(status)
               : [a] "m"(st0), [cw] "m"(control)
               : RINGSIDE_X87_CLOBBERS);
  return status;
}

#undef RINGSIDE_X87_LOAD_TWO
#undef RINGSIDE_X87_LOAD_ONE
#undef RINGSIDE_X87_RESULT
#undef RINGSIDE_X87_STATUS
#undef RINGSIDE_X87_CLOBBERS

}  // namespace ringside::hw::x87
