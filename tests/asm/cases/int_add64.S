// 64-bit addition wraps, with carry and without signed overflow.
// expect rax=0 rbx=1 flags=CF|PF|AF|ZF
#define MODE 64
#include "env.inc"
        mov rax, -1
        mov ebx, 1
        add rax, rbx
        finish
