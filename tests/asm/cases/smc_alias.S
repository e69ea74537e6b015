// The same physical page through two linear addresses: a store through one changes the code that runs at the other.
// expect rax=2 rbx=1
#define MODE 64
#include "env.inc"
        mov dword ptr ds:[page_table + 8 * 0x30], 0x20007   // 0x30000 is 0x20000 too
        mov dword ptr ds:[0x20000], 0x000001b8
        mov word ptr ds:[0x20004], 0xc300
        mov esi, 0x30000
        call rsi
        mov ebx, eax
        mov byte ptr ds:[0x20001], 2
        call rsi
        mov esi, 0
        finish
