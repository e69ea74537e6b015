// Real mode: a segment is 16 times its selector; 0xffff:0x10 is 0x100000.
// expect rax=0x1234 rbx=0x1234
#define MODE 16
#include "env.inc"
        mov ax, 0x2000
        mov ds, ax
        mov word ptr ds:[0x10], 0x1234
        mov ax, 0x2001
        mov es, ax
        mov ax, es:[0]
        mov bx, 0x1fff
        mov fs, bx
        mov bx, fs:[0x20]
        xor cx, cx
        mov ds, cx
        finish
