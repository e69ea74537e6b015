// REP MOVSB over code that has run already.
// expect rax=7 rcx=0
#define MODE 64
#include "env.inc"
        call 2f
        mov esi, offset 3f
        mov edi, offset 2f
        mov ecx, 6
        rep movsb
        call 2f
        mov esi, 0
        mov edi, 0
        finish
2:      mov eax, 1
        ret
3:      mov eax, 7
        ret
