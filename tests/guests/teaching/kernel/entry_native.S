// The doors of the kernel on a real CPU: one stub per vector, the SYSCALL entry, and the way back to user mode.
// All build a `struct frame` (types.h) on the kernel stack and call trap(frame). A paravirtual build has its own doors.
        .intel_syntax noprefix
        .text

        .set VECTORS, 49                    // 0..31 exceptions, 32..47 the PIC's lines, then INT 0x80
        .set VECTOR_SYSCALL_INSN, 0x100

// Stubs of 16 bytes each, so that vector v's is at native_stubs + 16 * v. Where the CPU pushes no error code, push 0.
        .balign 16
        .global native_stubs
native_stubs:
        .set v, 0
        .rept VECTORS
        .balign 16
        .if !(v == 8 || (v >= 10 && v <= 14) || v == 17)
        push 0
        .endif
        .if v == 48
        push 0x80
        .else
        push v
        .endif
        jmp enter
        .set v, v + 1
        .endr

enter:
        push rax
        push rbx
        push rcx
        push rdx
        push rsi
        push rdi
        push rbp
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
        cld                                 // the interrupted program may have set DF
        mov rdi, rsp
        mov rbp, rsp                        // the stack must be a multiple of 16 at a call
        and rsp, -16
        call trap
        mov rsp, rbp

        .global return_to_user
return_to_user:                             // also where a new process starts: rsp points at its frame
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rbp
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rbx
        cmp qword ptr [rsp + 8], VECTOR_SYSCALL_INSN
        je return_from_syscall
return_by_iret:
        pop rax
        add rsp, 16                         // vector and error code
        iretq

// SYSCALL saved rip in rcx and rflags in r11, masked IF (IA32_FMASK), and left the user's stack pointer in place
// [SDM 2B 4.3 "SYSCALL"]. GS finds this CPU's record; the user's GS is put back at once, nothing else needs ours.
        .global native_syscall_entry
native_syscall_entry:
        swapgs
        mov gs:[8], rsp                     // struct cpu_record: user_sp
        mov rsp, gs:[0]                     // kernel_sp
        push 0x18 | 3                       // ss
        push gs:[8]                         // rsp
        swapgs
        push r11                            // rflags
        push 0x20 | 3                       // cs
        push rcx                            // rip
        push 0                              // error
        push VECTOR_SYSCALL_INSN
        jmp enter

// SYSRET is the faster way back, taken only where asked for (`return=sysret`): not every machine has it at hand. Our
// user addresses are always canonical, so the well-known trap of SYSRET with a bad rip cannot occur.
return_from_syscall:
        cmp byte ptr [rip + native_options + 2], 0
        je return_by_iret
        pop rax
        mov rcx, [rsp + 16]                 // rip
        mov r11, [rsp + 32]                 // rflags
        mov rsp, [rsp + 40]
        sysretq

        .section .note.GNU-stack, "", @progbits
