// REP MOVSB copies and leaves count 0; a count of zero does nothing at all.
// expect rax=0x8877665544332211 rcx=0 rsi=0x20018 rdi=0x20108 rbx=0x20000
#define MODE 64
#include "env.inc"
        mov rax, 0x8877665544332211
        mov ds:[0x20010], rax
        mov esi, 0x20010
        mov edi, 0x20100
        mov ecx, 8
        rep movsb
        mov rax, ds:[0x20100]
        mov ebx, 0x20000
        rep movsb
        finish
