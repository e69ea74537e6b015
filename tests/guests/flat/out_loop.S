// Any mode: writes to the POST port for ever; every round is an exit.
#include "say.inc"
        .code16
1:      out 0x80, al
        jmp 1b
