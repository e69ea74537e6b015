// Extensions and byte order.
// expect rax=0xffffffffffffff80 rbx=0x80 rcx=0xffffffffffff8000 rdx=0xffffffff80000000 rsi=0x78563412 rdi=0xefcdab8967452301
#define MODE 64
#include "env.inc"
        mov dl, 0x80
        movsx rax, dl
        movzx ebx, dl
        mov dx, 0x8000
        movsx rcx, dx
        mov edx, 0x80000000
        movsxd rdx, edx
        mov esi, 0x12345678
        bswap esi
        mov rdi, 0x0123456789abcdef
        bswap rdi
        finish
