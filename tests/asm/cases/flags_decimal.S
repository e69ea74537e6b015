// DAA, DAS, AAA, AAS, AAM, AAD: 32-bit mode only.
// expect rax=0x0041 rbx=0x43 rcx=0x29 rdx=0x0104 rsi=0x0009 rdi=0x0401
#define MODE 32
#include "env.inc"
        mov al, 0x27
        add al, 0x16
        daa
        movzx ebx, al                   // 43
        mov al, 0x43
        sub al, 0x14
        das
        movzx ecx, al                   // 29
        mov ax, 0x0009
        add al, 5
        aaa
        movzx edx, ax                   // 01 04
        mov ax, 0x0105
        sub al, 6
        aas
        movzx esi, ax                   // 00 09
        mov al, 41
        aam
        movzx edi, ax                   // 04 01
        mov ax, 0x0605
        aad
        movzx eax, al                   // 65
        finish
