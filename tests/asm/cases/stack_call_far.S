// Far calls and returns push and pop the selector, here to 16-bit code and back.
// expect rax=0x38 rbx=0x70 rcx=0x6ff8 rsp=0x7000
#define MODE 32
#include "env.inc"
        lcall code32, offset 1f
        jmp 3f
1:      mov eax, [esp + 4]           // the selector we came from
        mov ecx, esp
        lcall code16, offset 2f
        retf
        .code16
2:      mov bx, cs
        .byte 0x66                      // a return address of 4 bytes was pushed
        retf
        .code32
3:      movzx eax, ax
        finish
