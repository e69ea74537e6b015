// Long mode: says "long" and ends with 0. Uses a register and a width only 64-bit mode has.
#include "say.inc"
        .code64
        movabs r9, 0x123456789abcdef0
        bswap r9
        movabs r10, 0xf0debc9a78563412
        cmp r9, r10
        jne 1f
        say 'l', 'o', 'n', 'g', 10
        finish 0
1:      finish 1
