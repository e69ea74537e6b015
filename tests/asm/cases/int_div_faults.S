// Division by zero, a quotient that does not fit, and the most negative number by -1: #DE each, registers untouched.
// expect rax=0x8000000000000000 rdx=-1 rbx=0 rcx=-1 count=3 vector=0 rip=0
#define MODE 64
#include "env.inc"
        catch 1f
        mov eax, 1
        div ebx
1:      catch 2f
        mov eax, 0
        mov edx, 2
        mov ecx, 2
        div ecx                         // 0x200000000 / 2 needs 33 bits
2:      catch 4f
        mov rax, 0x8000000000000000
        cqo
        mov rcx, -1
3:      idiv rcx
4:      sub qword ptr ds:[dump_rip], offset 3b
        finish
