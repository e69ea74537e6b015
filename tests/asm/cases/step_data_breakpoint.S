// DR0 watches four bytes for writes: a #DB after the store, none for a read.
// expect rax=0x11 rbx=1 rcx=1 rdx=0 count=1 vector=1
#define MODE 64
#include "env.inc"
        trace
        mov rax, 0x20000
        mov dr0, rax
        mov rax, 0x000d0402             // L... G0, write, four bytes
        mov eax, 0x000d0602
        mov dr7, rax
        mov edx, ds:[0x20000]
        mov ebx, ds:[dump_count]
        mov byte ptr ds:[0x20003], 0x11
        mov ecx, ds:[dump_count]
        xor eax, eax
        mov dr7, rax
        mov rbx, dr6
        and ebx, 0xf
        movzx eax, byte ptr ds:[0x20003]
        finish
