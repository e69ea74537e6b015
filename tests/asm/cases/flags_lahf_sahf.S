// SAHF loads SF, ZF, AF, PF and CF, not OF; LAHF shows bit 1 as one.
// expect rax=0xd700 flags=CF|PF|AF|ZF|SF|OF
#define MODE 64
#include "env.inc"
        mov al, 0x7f
        add al, 1                       // OF
        mov eax, 0xff00
        sahf
        lahf
        mov al, 0
        finish
