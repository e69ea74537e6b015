// A null selector loads into ES and faults only when used.
// expect rax=0 rbx=0 rcx=13 count=1 vector=13 error=0
// qemu: TCG checks no null segments
#define MODE 32
#include "env.inc"
        xor eax, eax
        mov es, eax
        mov ebx, ds:[dump_count]
        catch 1f
        mov edx, es:[0]
1:      mov ecx, ds:[dump_vector]
        finish
