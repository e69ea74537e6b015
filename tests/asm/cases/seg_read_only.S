// Writing through a read-only segment is #GP(0) before memory changes; reading works. Reading code through CS works, writing not.
// expect rax=0x77 rbx=13 rcx=13 rdx=0x77 count=2 vector=13 error=0
// qemu: TCG checks no segment rights
#define MODE 32
#include "env.inc"
        mov dword ptr ds:[0x20000], 0x77
        mov eax, read_only
        mov es, eax
        mov eax, es:[0x20000]
        catch 1f
        mov dword ptr es:[0x20000], 1
1:      mov ebx, ds:[dump_vector]
        catch 2f
        mov dword ptr cs:[0x20000], 1
2:      mov ecx, ds:[dump_vector]
        mov edx, cs:[0x20000]
        finish
