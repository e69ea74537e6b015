// 128-bit addition and subtraction through ADC and SBB.
// expect rax=0xfffffffffffffffe rdx=0x1 rbx=0xffffffffffffffff rcx=0x0 flags=none
#define MODE 64
#include "env.inc"
        mov rax, -1
        xor edx, edx
        mov rbx, -1
        xor ecx, ecx
        add rax, rbx
        adc rdx, rcx
        sub rax, rbx
        sbb rdx, rcx
        add rax, rbx
        adc rdx, rcx
        test edx, edx
        finish
