// Real mode: INT pushes flags, CS, IP, clears IF and TF; the handler's IRET brings them back.
// expect rax=0x0 rbx=0x200 rcx=0x200 count=1 vector=0x21
#define MODE 16
#include "env.inc"
        mov word ptr ds:[4 * 0x21], offset handler
        sti
        int 0x21
        pushf
        pop cx
        cli
        and cx, 0x200
        finish
handler:pushf
        pop ax
        and ax, 0x200
        mov bp, sp
        mov bx, [bp + 4]
        and bx, 0x200
        inc word ptr ds:[dump_count]
        mov word ptr ds:[dump_vector], 0x21
        mov bp, 0
        iret
