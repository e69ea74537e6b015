// MUL and IMUL set CF and OF when the upper half matters.
// expect rdi=0 rax=0xfffffffe00000001 rdx=0 rbx=0xfffffffffffffffe rcx=1 rsi=0 flags=CF|OF ignore=SF|ZF|AF|PF
#define MODE 64
#include "env.inc"
        mov eax, -1
        mov ebx, eax
        mul ebx                         // 0xffffffff squared: edx:eax = 0xfffffffe:1
        shl rdx, 32
        or rax, rdx
        xor edx, edx
        mov rbx, -1
        imul rbx, rbx, 2                // fits: no flags
        setc sil
        setnc cl
        mov rdi, 0x4000000000000000
        imul rdi, rdi, 4                // does not fit
        finish
