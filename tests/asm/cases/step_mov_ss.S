// MOV SS holds off the single step of one instruction: no #DB between it and the next.
// expect rax=1 rbx=0 count=4 vector=1
#define MODE 64
#include "env.inc"
        trace
        mov edx, data0
        pushfq
        or qword ptr [rsp], 0x100
        popfq
        mov ss, edx                     // no trap after this one
        inc eax                         // one after this one
        pushfq                          // one
        and dword ptr [rsp], ~0x100     // one
        popfq                           // one: TF was set when it began
        mov edx, 0
        finish
