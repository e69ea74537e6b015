// TF: a #DB after each instruction, starting after the one that follows POPF; DR6.BS is set.
// expect rax=3 rbx=6 rcx=0x4000 count=6 vector=1
#define MODE 64
#include "env.inc"
        trace
        pushfq
        or qword ptr [rsp], 0x100
        popfq
        inc eax
        inc eax
        inc eax
        pushfq                          // pushes TF; not cleared by the push
        .byte 0x81, 0x24, 0x24, 0xff, 0xfe, 0xff, 0xff  // and dword ptr [rsp], ~0x100
        popfq
        mov ebx, ds:[dump_count]
        mov rcx, dr6
        and ecx, 0x4000
        finish
