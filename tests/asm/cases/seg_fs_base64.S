// 64-bit mode: FS and GS keep a 64-bit base (set by MSR), DS and ES have none; SWAPGS exchanges.
// expect rax=0x1111 rbx=0x2222 rsi=0x1111 rdi=0x3333
#define MODE 64
#include "env.inc"
        mov qword ptr ds:[0x20000], 0x1111
        mov qword ptr ds:[0x20100], 0x2222
        mov qword ptr ds:[0x20200], 0x3333
        mov ecx, 0xc0000100
        mov eax, 0x20000
        xor edx, edx
        wrmsr
        inc ecx
        mov eax, 0x20100
        wrmsr
        inc ecx
        mov eax, 0x20200
        wrmsr
        mov rax, fs:[0]
        mov rbx, gs:[0]
        swapgs
        mov rdi, gs:[0]
        mov edx, limited                // a base in the descriptor of DS changes nothing
        mov ds, edx
        mov esi, ds:[0x20000]
        mov edx, data0
        mov ds, edx
        mov edx, 0
        mov ecx, 0
        finish
