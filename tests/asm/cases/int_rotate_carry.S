// RCL and RCR rotate through CF (33 and 9 positions); ROL leaves SF, ZF, AF and PF alone.
// expect rax=0x3 rbx=0x80 rcx=0x1 rdx=0xff flags=CF|ZF|PF ignore=OF|AF
#define MODE 64
#include "env.inc"
        stc
        mov eax, 1
        rcl eax, 1                      // carry comes in: 3
        mov bl, 1
        clc
        rcr bl, 1                       // 1 goes to CF
        rcr bl, 1                       // and comes back at the top
        mov edx, 0xff
        cmp edx, 0xff                   // ZF
        mov ecx, 0x80000000
        rol ecx, 1
        finish
