// Any mode: an endless loop that never exits. A run of it ends by its own bounds only.
#include "say.inc"
        .code16
1:      jmp 1b
