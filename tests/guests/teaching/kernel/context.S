// context_switch(save_sp, load_sp): gives the CPU to another kernel stack. The caller's other registers are dead across a
// call by the calling convention, so six registers and the stack pointer are the whole context.
        .intel_syntax noprefix
        .text
        .global context_switch
context_switch:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov [rdi], rsp
        mov rsp, rsi
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

        .section .note.GNU-stack, "", @progbits
