// Real mode: DI wraps at 64 KiB between elements.
// expect rax=0x55 rcx=0 rdi=2 rbx=0x5555 rdx=0x5555
#define MODE 16
#include "env.inc"
        mov ax, 0x2000
        mov es, ax
        mov al, 0x55
        mov di, 0xfffe
        mov cx, 4
        rep stosb
        mov bx, es:[0xfffe]
        mov dx, es:[0]
        mov ax, 0x55
        finish
