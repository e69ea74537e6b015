// BT with a register offset reaches memory beyond the operand, also backwards; BSF of zero sets ZF.
// expect rax=1 rbx=1 rcx=63 rdx=5 rsi=0 m0=0 flags=ZF ignore=CF|OF|SF|AF|PF
#define MODE 64
#include "env.inc"
        mov qword ptr ds:[0x20008], 0x20
        mov edi, 64 + 5
        bt qword ptr ds:[0x20000], rdi
        setc al
        mov rdi, -59                    // 64 - 59 = bit 5 of the quadword before
        bt qword ptr ds:[0x20010], rdi
        setc bl
        mov rdi, 0x8000000000000020
        bsr rcx, rdi
        bsf rdx, rdi
        btr qword ptr ds:[0x20008], 5
        mov rdi, ds:[0x20008]
        mov ds:[m0], rdi
        bsf rsi, rdi
        mov esi, 0
        xor edi, edi
        bsf rdi, rdi
        finish
