// One store across a page boundary whose second half is missing changes nothing, not even the first half.
// expect rax=0x1122334455667788 count=1 vector=14 error=2 cr2=0x30000 m0=0
#define MODE 64
#include "env.inc"
        mov qword ptr ds:[0x2fff8], 0
        mov rax, 0x1122334455667788
        catch 1f
        mov ds:[0x2fffc], rax
1:      mov ecx, ds:[0x2fffc]
        mov ds:[m0], rcx
        mov ecx, 0
        finish
