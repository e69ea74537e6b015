// With DF set strings run downwards.
// expect rax=0x0807060504030201 rsi=0x1fff8 rdi=0x200f8 rcx=0 flags=DF ignore=CF|PF|AF|ZF|SF|OF
#define MODE 64
#include "env.inc"
        mov rax, 0x0807060504030201
        mov ds:[0x20000], rax
        mov esi, 0x20000
        mov edi, 0x20100
        mov ecx, 1
        std
        rep movsq
        mov rax, ds:[0x20100]
        finish
