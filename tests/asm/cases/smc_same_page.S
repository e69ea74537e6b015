// A store into the instruction stream is seen by the next instruction fetch, on the same page and a few bytes ahead.
// expect rax=2 rbx=2 rcx=0
#define MODE 64
#include "env.inc"
        mov ecx, 2
1:      mov eax, 1                   // its immediate is overwritten in the first round
        mov byte ptr ds:[1b + 1], 2
        mov ebx, 1                      // overwritten just before it runs
        .set here, . - 4
        dec ecx
        mov byte ptr ds:[here], 2
        jnz 1b
        finish
