// Any mode: HLT with interrupts off. Nothing can wake this machine.
#include "say.inc"
        .code16
        say 'h', 'a', 'l', 't', 10
        cli
1:      hlt
        jmp 1b
