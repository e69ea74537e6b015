// Shifts by 1 define OF; a count masked to zero leaves all flags alone.
// expect rax=0x2 rbx=0xc0000000 rcx=0x20 rdx=1 rsi=1 flags=CF|OF ignore=AF
#define MODE 64
#include "env.inc"
        mov eax, 0x80000001
        shl eax, 1                      // CF = 1, OF = 1
        seto dl
        mov ebx, 0x80000000
        sar ebx, 1
        mov edi, 0xffffffff
        mov ecx, 32
        mov eax, 0x80000001
        shl eax, 1
        setc sil
        shl edi, cl                     // count 0: flags stay those of the SHL before
        mov edi, 0
        finish
