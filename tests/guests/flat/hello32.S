// Protected mode: says "protected" and ends with 0. The 32-bit addition would end with 1 in real mode.
#include "say.inc"
        .code32
        mov ebx, 0x12340000
        add ebx, 0x5678
        cmp ebx, 0x12345678
        jne 1f
        say 'p', 'r', 'o', 't', 'e', 'c', 't', 'e', 'd', 10
        finish 0
1:      finish 1
