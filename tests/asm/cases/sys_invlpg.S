// A changed page-table entry takes effect after INVLPG at the latest.
// expect rax=0x66 rbx=0x77 count=0
#define MODE 64
#include "env.inc"
        mov byte ptr ds:[0x20000], 0x66
        mov byte ptr ds:[0x21000], 0x77
        mov dword ptr ds:[page_table + 8 * 0x30], 0x20007
        mov esi, 0x30000
        movzx eax, byte ptr [rsi]
        mov dword ptr ds:[page_table + 8 * 0x30], 0x21007
        invlpg [rsi]
        movzx ebx, byte ptr [rsi]
        mov esi, 0
        finish
