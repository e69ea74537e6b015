// RET n drops n bytes behind the return address.
// expect rax=0x7000 rbx=1
#define MODE 64
#include "env.inc"
        push 0
        push 0
        call 1f
        mov rax, rsp
        finish
1:      mov ebx, 1
        ret 16
