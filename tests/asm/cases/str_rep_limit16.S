// Real mode: REP STOSW at offset 0xffff breaks the segment limit: #GP, with the words before it done.
// expect rax=0x1234 rcx=2 rdi=0xffff count=1 vector=13
// qemu: TCG checks no segment limits
#define MODE 16
#include "env.inc"
        mov ax, 0x2000
        mov es, ax
        mov ax, 0x1234
        mov di, 0xfffb
        mov cx, 4
        catch 1f
        rep stosw
1:      xor bx, bx
        mov es, bx
        finish
