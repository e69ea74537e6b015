// A forward byte copy onto itself plus one repeats the first byte: REP MOVSB goes strictly byte by byte.
// expect rax=0xaaaaaaaaaaaaaaaa rcx=0 rsi=0x20010 rdi=0x20011
#define MODE 64
#include "env.inc"
        mov byte ptr ds:[0x20000], 0xaa
        mov esi, 0x20000
        mov edi, 0x20001
        mov ecx, 16
        rep movsb
        mov rax, ds:[0x20008]
        finish
