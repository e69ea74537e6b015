// Bad control register values are refused with #GP(0): reserved CR4 bits, paging without protection; the register keeps its value.
// expect rax=2 rbx=0x620 rcx=0x80010033 count=2 vector=13 error=0
// qemu: PG without PE is accepted
#define MODE 64
#include "env.inc"
        catch 1f
        mov rax, cr4
        mov rbx, 0x100000000
        or rax, rbx
        mov cr4, rax
1:      catch 2f
        mov eax, 0x80000000             // PG without PE
        mov cr0, rax
2:      mov eax, ds:[dump_count]
        mov rbx, cr4
        mov rcx, cr0
        finish
