// Non-canonical addresses: #GP(0), through RSP or RBP #SS(0).
// expect rax=13 rbx=12 rcx=13 count=3 vector=13 error=0 rip=0
// qemu: non-canonical stack references are #GP, and jumps fault at their target
#define MODE 64
#include "env.inc"
        mov rsi, 0x0000800000000000
        catch 1f
        mov rax, [rsi]
1:      mov eax, ds:[dump_vector]
        catch 2f
        mov rbp, 0x8000000000000000
        mov rbx, [rbp]
2:      mov ebx, ds:[dump_vector]
        catch 3f
4:      jmp rsi                         // the fault is the jump's, not the target's
3:      mov ecx, ds:[dump_vector]
        sub qword ptr ds:[dump_rip], offset 4b
        mov esi, 0
        mov ebp, 0
        finish
