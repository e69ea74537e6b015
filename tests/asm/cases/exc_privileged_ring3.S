// Privileged instructions in ring 3: #GP(0) each. Counts them.
// expect rbx=9 count=10 vector=0x80
#define MODE 64
#include "env.inc"
        to_user user
done:   mov ebx, ds:[dump_count]
        dec ebx
        finish
user:   catch 1f
        hlt
1:      catch 2f
        cli
2:      catch 3f
        mov rax, cr0
3:      catch 4f
        wrmsr
4:      catch 5f
        invlpg [rax]
5:      catch 6f
        lgdt [rax]
6:      catch 7f
        in al, 0x80
7:      catch 8f
        mov rax, dr7
8:      catch 9f
        clts
9:      catch0 done
        int 0x80
