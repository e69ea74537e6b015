// DR1 at an instruction: a fault before it runs; the handler sets RF in the frame so that it runs then.
// expect rax=1 rbx=2 rcx=0 count=1 vector=1
#define MODE 64
#include "env.inc"
        trace_rf
        mov eax, offset 1f
        mov dr1, rax
        mov eax, 0x404                  // L1, execute, one byte
        mov dr7, rax
        xor eax, eax
1:      inc eax
        mov rbx, dr6
        and ebx, 0xf
        mov edx, eax
        xor eax, eax
        mov dr7, rax
        mov eax, edx
        mov edx, 0
        mov rcx, ds:[dump_rip]
        sub rcx, offset 1b
        finish
