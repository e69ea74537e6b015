// Double shifts, by immediates and by CL.
// expect rax=0x23456789 rbx=0x9abcdef0 rcx=4 rdx=0xf0123456789abcde rsi=0x123456789abcdef0
#define MODE 64
#include "env.inc"
        mov eax, 0x12345678
        mov ebx, 0x9abcdef0
        shld eax, ebx, 4
        mov rsi, 0x123456789abcdef0
        mov rdx, 0x123456789abcdef0
        mov ecx, 8
        shrd rdx, rsi, cl
        mov ecx, 4
        finish
