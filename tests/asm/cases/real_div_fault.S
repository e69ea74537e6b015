// Real mode: #DE pushes the address of the DIV itself.
// expect rax=0xffff rbx=1 count=1 vector=0 rip=0
#define MODE 16
#include "env.inc"
        mov ax, 0xffff
        mov bx, 1
        catch 2f
1:      div bl                       // quotient does not fit in AL
2:      mov cx, offset 1b
        sub ds:[dump_rip], cx
        mov cx, 0
        finish
