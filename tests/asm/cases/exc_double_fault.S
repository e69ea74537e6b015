// A #GP whose gate is absent is #NP while delivering #GP, two contributory faults: #DF with error code 0.
// expect rax=8 rbx=0 count=1 vector=8
#define MODE 64
#include "env.inc"
        mov byte ptr ds:[idt + 16 * 13 + 5], 0   // vector 13 not present
        catch0 1f
        mov rsi, 0x8000000000000000
        mov rax, [rsi]
1:      mov eax, ds:[dump_vector]
        mov ebx, ds:[dump_error]
        mov esi, 0
        finish
