// Byte subtraction with signed overflow: 0x80 - 1. High-byte registers are bytes of the low word.
// expect rax=0x7f00 rbx=0xff7f flags=AF|OF
#define MODE 64
#include "env.inc"
        mov eax, 0x8000
        sub ah, 1
        mov ebx, 0xff7f
        test ah, ah
        mov ecx, 0x80
        mov dl, 1
        sub cl, dl
        mov ecx, 0
        mov edx, 0
        finish
