// Compatibility mode: a 32-bit code segment under a 64-bit kernel. INC's opcodes 40..4f are INC again, addresses are 32 bits.
// expect rax=1 rbx=0x38 rcx=0xffffffff rdx=0x12345678 count=0
#define MODE 64
#include "env.inc"
        mov rax, 0xffffffff00000000
        mov r15d, 0
        push code32
        push offset compatibility
        retfq
        .code32
compatibility:.byte 0x40       // inc eax; a REX prefix in 64-bit mode
        mov ebx, cs
        dec ecx
        mov edx, 0x12345678
        ljmp code64, offset back
        .code64
back:   mov eax, eax
        finish
