// LEA computes and never faults; 32-bit address size wraps at 4 GiB.
// expect rax=0x8000000000000007 rbx=0x7 rcx=0xffff rdx=0
#define MODE 64
#include "env.inc"
        mov rax, 0x4000000000000001
        lea rax, [rax + rax + 5]
        mov rbx, 0xffffffff
        lea ebx, [ebx + 8]
        mov edx, 0x1ffff
        lea cx, [edx]
        mov edx, 0
        finish
