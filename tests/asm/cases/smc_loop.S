// A loop that rewrites the opcode of its own body: INC becomes DEC (modrm c0 to c8) and back, ten rounds.
// expect rax=0 rcx=0
#define MODE 64
#include "env.inc"
        mov ecx, 10
1:      inc eax
        xor byte ptr ds:[1b + 1], 0x08
        dec ecx
        jnz 1b
        finish
