// A 16-bit push moves RSP by 2; an immediate byte is sign-extended to 8.
// expect rax=2 rbx=0xfffffffffffffffe rcx=0xbeef rsp=0x7000
#define MODE 64
#include "env.inc"
        mov cx, 0xbeef
        push cx
        mov rax, stack
        sub rax, rsp
        xor ecx, ecx
        pop cx
        push -2
        pop rbx
        finish
