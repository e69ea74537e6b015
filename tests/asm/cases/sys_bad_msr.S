// A non-canonical LSTAR and an MSR that does not exist: #GP(0).
// expect rax=2 rbx=0 rcx=0 rdx=0 count=2 vector=13 error=0
// bochs: unknown MSRs are ignored by default
#define MODE 64
#include "env.inc"
        catch 1f
        mov ecx, 0xc0000082
        mov edx, 0x00008000
        xor eax, eax
        wrmsr
1:      catch 2f
        mov ecx, 0x12345678
        rdmsr
2:      mov eax, ds:[dump_count]
        mov ecx, 0
        mov edx, 0
        finish
