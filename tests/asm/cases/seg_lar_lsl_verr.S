// LAR, LSL, VERR and VERW ask about a descriptor without using it.
// expect rax=0x9300 rbx=0xfff rcx=0xffffffff rdx=1 rsi=0 rdi=1 rbp=0
#define MODE 32
#include "env.inc"
        mov edx, limited
        lar eax, edx
        lsl ebx, edx
        mov edx, data0
        lsl ecx, edx
        mov edi, read_only
        verr di
        sete dl
        movzx edx, dl
        verw di
        mov esi, 0
        sete cl                         // not writable: ZF clear
        movzx esi, cl
        mov ecx, -1
        mov edi, 0x1234
        lar ebp, edi                    // beyond the table: ZF clear, register unchanged
        setne dl
        movzx edi, dl
        mov edx, 1
        finish
