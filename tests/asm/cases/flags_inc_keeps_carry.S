// INC and DEC leave CF alone.
// expect rax=0 rbx=0xff rcx=1 flags=CF|SF|AF|PF
#define MODE 64
#include "env.inc"
        mov al, 0xff
        stc
        inc al
        setc cl
        mov bl, 0
        dec bl
        finish
