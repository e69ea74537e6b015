// Unsigned and signed division, remainders with the dividend's sign.
// expect rax=-3 rdx=-1 rbx=0x123456789 rcx=5 m0=0x2a m1=6
#define MODE 64
#include "env.inc"
        mov rax, 0x123456789 * 42
        mov rbx, 0x123456789
        add rax, 6
        xor edx, edx
        div rbx
        mov ds:[m0], rax
        mov ds:[m1], rdx
        mov ecx, 5
        mov rax, -16
        cqo
        idiv rcx
        finish
