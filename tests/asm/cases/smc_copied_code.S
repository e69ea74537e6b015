// Code written to data memory runs; overwritten, it runs in its new form. The store is the only announcement.
// expect rax=0x11 rbx=0x22
#define MODE 64
#include "env.inc"
        mov dword ptr ds:[0x20000], 0x000011b8   // mov eax, 0x11; ret
        mov word ptr ds:[0x20004], 0xc300
        mov esi, 0x20000
        call rsi
        mov ebx, eax
        mov byte ptr ds:[0x20001], 0x22
        call rsi
        xchg eax, ebx
        mov esi, 0
        finish
