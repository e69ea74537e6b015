// Bad values are refused: reserved CR4 bits, paging without protection, a non-canonical LSTAR, an unknown MSR.
// expect rax=4 count=4 vector=13 error=0
// qemu: PG without PE is accepted
// bochs: unknown MSRs are ignored by default
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
2:      catch 3f
        mov ecx, 0xc0000082
        mov edx, 0x00008000
        xor eax, eax
        wrmsr
3:      catch 4f
        mov ecx, 0x12345678
        rdmsr
4:      mov eax, ds:[dump_count]
        mov ebx, 0
        mov ecx, 0
        mov edx, 0
        finish
