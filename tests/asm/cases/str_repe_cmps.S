// REPE CMPSB stops behind the first difference with its flags; REPNE SCASB behind the match.
// expect rcx=5 rsi=0x20003 rdi=0x20103 rbx=3 rdx=0x20105 flags=CF|SF|PF|AF
#define MODE 64
#include "env.inc"
        mov rax, 0x0000000000010203
        mov ds:[0x20000], rax
        mov rax, 0x0000000000020203
        mov ds:[0x20100], rax
        mov al, 0
        mov edi, 0x20102
        mov ecx, 8
        mov byte ptr ds:[0x20102], 7
        mov byte ptr ds:[0x20103], 7
        repne scasb                     // 07 07 00: the match is the third byte
        mov rdx, rdi
        mov ebx, 8
        sub ebx, ecx
        mov byte ptr ds:[0x20102], 2
        mov esi, 0x20000
        mov edi, 0x20100
        mov ecx, 8
        repe cmpsb
        mov eax, 0
        finish
