// Protected mode: an empty IDT, then an undefined instruction; see triple_fault.S.
#include "say.inc"
        .code32
        say 't', 'r', 'i', 'p', 'l', 'e', 10
        mov esp, 0x7000                 // RAM on every PC
        push 0
        push 0
        lidt [esp]
        ud2
        finish 1
