// Limits survive the way back from protected mode ("unreal mode"): a 32-bit address beyond 64 KiB works in real mode.
// expect rax=0x4d rbx=0x200000
#define MODE 16
#include "env.inc"
        .byte 0x66
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, data0
        mov ds, bx
        and al, 0xfe
        mov cr0, eax
        xor bx, bx
        mov ds, bx
        mov ebx, 0x200000
        mov byte ptr [ebx], 0x4d
        movzx eax, byte ptr [ebx]
        finish
