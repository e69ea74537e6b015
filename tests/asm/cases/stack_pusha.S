// PUSHA pushes the stack pointer it started with; POPA skips it.
// expect rax=1 rbx=0x7000 rcx=3 rdx=4 rsp=0x7000 rsi=6 rdi=7 rbp=5
#define MODE 32
#include "env.inc"
        mov eax, 1
        mov ebx, 2
        mov ecx, 3
        mov edx, 4
        mov ebp, 5
        mov esi, 6
        mov edi, 7
        pushad
        mov ebx, [esp + 12]
        mov ds:[m0], ebx
        popad
        mov ebx, ds:[m0]
        finish
