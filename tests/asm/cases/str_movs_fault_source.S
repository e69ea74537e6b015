// REP MOVSQ whose source page is missing: nothing of the failing element is written, the registers tell how far it came.
// expect rcx=2 rsi=0x30000 rdi=0x20110 rax=0 count=1 vector=14 error=0 cr2=0x30000
#define MODE 64
#include "env.inc"
        mov qword ptr ds:[0x2fff0], 1
        mov qword ptr ds:[0x2fff8], 2
        mov esi, 0x2fff0
        mov edi, 0x20100
        mov ecx, 4
        catch 1f
        rep movsq
1:      mov rax, ds:[0x20110]
        finish
