// CMPXCHG both ways, XADD, CMPXCHG8B and 16B.
// expect rax=7 rbx=9 rcx=1 rdx=2 rsi=5 m0=8 m1=9 m2=0xb m3=0 m4=9 m5=1 flags=ZF ignore=CF|OF|SF|AF|PF
#define MODE 64
#include "env.inc"
        mov qword ptr ds:[m0], 7
        mov ebx, 9
        mov eax, 5
        lock cmpxchg ds:[m0], rbx       // differs: rax = 7
        lock cmpxchg ds:[m0], rbx       // equal: stored
        mov esi, 5
        mov qword ptr ds:[m0], 3
        lock xadd ds:[m0], rsi          // m0 = 8, rsi = 3
        mov esi, 5
        mov qword ptr ds:[m1], 9
        mov dword ptr ds:[m2], 1
        mov dword ptr ds:[m2 + 4], 2
        mov eax, 1
        mov edx, 2
        mov ebx, 0xb
        mov ecx, 0
        lock cmpxchg8b ds:[m2]
        mov qword ptr ds:[m4], 7        // 16B needs alignment: m4 is at 0x6d0
        mov qword ptr ds:[m5], 2
        mov eax, 7
        mov edx, 2
        mov ebx, 9
        mov ecx, 1
        lock cmpxchg16b ds:[m4]
        finish
