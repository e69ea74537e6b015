// The walk sets A on a read and D on a write, in the entry that was used.
// expect rax=0x27 rbx=0x67 rcx=0x20
#define MODE 64
#include "env.inc"
        mov dword ptr ds:[page_table + 8 * 0x30], 0x20007
        mov esi, 0x30000
        mov dl, [rsi]
        mov eax, ds:[page_table + 8 * 0x30]
        and eax, 0xff
        mov [rsi], dl
        mov ebx, ds:[page_table + 8 * 0x30]
        and ebx, 0xff
        mov ecx, ds:[0x12000]           // the level above: A, never D
        and ecx, 0x60
        mov esi, 0
        mov edx, 0
        finish
