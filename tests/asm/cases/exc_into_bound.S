// INTO traps only with OF; BOUND faults outside its bounds.
// expect rax=4 rbx=5 rcx=0 count=2 vector=5
#define MODE 32
#include "env.inc"
        mov ecx, ds:[dump_count]
        into                            // OF clear: nothing
        catch 1f
        mov al, 0x7f
        inc al
        into
1:      mov eax, ds:[dump_vector]
        mov dword ptr ds:[0x20000], 10
        mov dword ptr ds:[0x20004], 20
        mov edx, 15
        bound edx, ds:[0x20000]
        mov edx, 21
        catch 2f
        bound edx, ds:[0x20000]
2:      mov ebx, ds:[dump_vector]
        mov edx, 0
        finish
