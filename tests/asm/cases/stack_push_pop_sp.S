// PUSH RSP pushes the value before; POP RSP ends with the value popped; POP [RSP] computes its address after the pop.
// expect rax=0x7000 rbx=0x1234 rcx=0x55 rdx=0x7000
#define MODE 64
#include "env.inc"
        push rsp
        pop rax
        push 0x1234
        mov rdi, rsp
        pop rsp
        mov rbx, rsp
        mov esp, stack
        push 0
        push 0x55
        pop qword ptr [rsp]             // stores over the 0 pushed first
        pop rcx
        mov rdx, rsp
        mov edi, 0
        finish
