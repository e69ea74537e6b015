// NEG sets CF unless the operand was zero; NOT touches no flag.
// expect rax=0xffffffffffffffff rbx=0xfffffffe rcx=0 flags=ZF|PF
#define MODE 64
#include "env.inc"
        mov eax, 1
        neg rax
        mov ebx, 1
        neg ecx
        not ebx
        finish
