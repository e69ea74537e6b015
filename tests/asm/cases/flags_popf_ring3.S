// POPF in ring 3 with IOPL 0 changes neither IF nor IOPL, and does not fault; PUSHF shows what is.
// expect rax=0x246 rbx=0 rcx=0x47 count=1 vector=0x80 flags=ZF|PF|AF|CF ignore=ZF|PF|AF|CF|SF|OF
#define MODE 64
#include "env.inc"
        sti
        to_user user
back:   cli
        and eax, 0x3246
        finish
user:   push 0x3047                // IOPL 3, IF 0, TF 0, ZF, PF, CF
        popfq
        pushfq
        pop rax
        mov rcx, rax
        and ecx, 0xff
        catch0 back
        int 0x80
