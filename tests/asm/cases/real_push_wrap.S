// Real mode: a 32-bit operand size in 16-bit code; SP wraps from 0 to 0xfffc.
// expect rax=0x12345678 rbx=0x5678 rcx=0x1234 rdx=0xfffc rsp=0x7000
#define MODE 16
#include "env.inc"
        mov ax, 0x2000
        mov ss, ax
        mov sp, 0
        mov eax, 0x12345678
        push eax
        mov dx, sp
        pop bx
        pop cx
        xor si, si
        mov ss, si
        mov sp, stack
        finish
