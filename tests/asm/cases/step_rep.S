// Single step through REP MOVSB: one #DB for each element, with rip still at the instruction until the last.
// expect rax=0 rbx=4 rcx=0 rsi=0x20003 rdi=0x20103 count=6 vector=1
#define MODE 64
#include "env.inc"
        trace
        mov esi, 0x20000
        mov edi, 0x20100
        mov ecx, 3
        pushfq
        or qword ptr [rsp], 0x100
        popfq
        rep movsb
        pushfq
        and dword ptr [rsp], ~0x100
        popfq
        mov ebx, 4
        finish
