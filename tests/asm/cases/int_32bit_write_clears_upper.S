// A 32-bit result clears the upper half; 16- and 8-bit ones leave it. Even CMOV with a false condition clears.
// expect rax=0 rbx=0xffffffffffff0000 rcx=0xffffffffffffff00 rdx=0xffffffff
#define MODE 64
#include "env.inc"
        mov rax, -1
        mov rbx, -1
        mov rcx, -1
        mov rdx, -1
        xor eax, eax
        xor bx, bx
        xor cl, cl
        cmp eax, 1
        cmove edx, eax
        finish
