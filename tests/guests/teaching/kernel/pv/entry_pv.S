// The paravirtual kernel's doors: its first instruction, one stub per trap, the SYSCALL and event callbacks, and the way back by hypercall.
// The monitor leaves rcx and r11 on top of what a CPU would push (vmm/techniques/pv/interface); with these two popped, everything is as in
// entry_native.S: a `struct frame` (types.h) on the kernel stack, and a C function.
        .intel_syntax noprefix

        .set VECTORS, 33                    // exceptions, then INT 0x80
        .set VECTOR_SYSCALL_INSN, 0x100
        .set VECTOR_EVENT, 0x101
        .set HYPERCALL_IRET, 23

        // Notes that make this file a paravirtual kernel: entry, and the version of the interface. virt_base is 0 by default.
        .section .note.pv, "a", @note
        .balign 4
        .long 9, 8, 1
        .asciz "Ringside"
        .balign 4
        .quad start
        .long 9, 4, 5
        .asciz "Ringside"
        .balign 4
        .long 1 << 16

        .text
        .global start
start:
        mov rsp, offset boot_stack_top
        mov rdi, rsi                        // start info
        xor ebp, ebp
        cld
        call start_pv
1:      jmp 1b

        .balign 16
        .global pv_stubs
pv_stubs:
        .set v, 0
        .rept VECTORS
        .balign 16
        pop rcx
        pop r11
        .if !(v == 8 || (v >= 10 && v <= 14) || v == 17)
        push 0
        .endif
        .if v == 32
        push 0x80
        .else
        push v
        .endif
        jmp enter
        .set v, v + 1
        .endr

        .global pv_syscall_entry
pv_syscall_entry:
        pop rcx
        pop r11
        push 0
        push VECTOR_SYSCALL_INSN
        jmp enter

        .global pv_event_entry
pv_event_entry:
        pop rcx
        pop r11
        push 0
        push VECTOR_EVENT

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
        cld
        mov rdi, rsp
        mov rbp, rsp
        and rsp, -16
        call pv_trap
        mov rsp, rbp

// rsp points at a frame. What iret takes lies behind it, shifted by one word: rax, r11, rcx, flags, then rip and on as they are.
        .global return_to_user
return_to_user:
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
        push [rsp]                          // rax, into the slot rbx came from
        mov [rsp + 8], r11
        mov [rsp + 16], rcx
        mov qword ptr [rsp + 24], 0         // flags
        mov eax, HYPERCALL_IRET
        syscall
        ud2

        .global pv_failsafe_entry
pv_failsafe_entry:
        and rsp, -16
        call pv_failsafe
        ud2

        .bss
        .balign 16
boot_stack: .skip 8192
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
