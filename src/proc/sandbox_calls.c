/* The lists of system calls. */
#include "proc/sandbox_calls.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

const int p2p_sandbox_calls_refused[] = {
    /* other processes */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_migrate_pages,
    SYS_move_pages, 438 /* pidfd_getfd */, 424 /* pidfd_send_signal */, 440 /* process_madvise */,
    448 /* process_mrelease */,
    /* namespaces and mounts */
    SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, 428 /* open_tree */,
    429 /* move_mount */, 430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */,
    442 /* mount_setattr */, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init,
    SYS_quotactl, 443 /* quotactl_fd */, SYS_swapon, SYS_swapoff, SYS_sethostname,
    SYS_setdomainname,
    /* keys */
    SYS_add_key, SYS_request_key, SYS_keyctl,
    /* shared objects of the account */
    SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl,
    SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
    /* parts of the kernel */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
    SYS_reboot, SYS_acct, SYS_syslog, SYS_vhangup, SYS_settimeofday, SYS_clock_settime,
    SYS_adjtimex, SYS_clock_adjtime, -1};

const int p2p_sandbox_calls_missing[] = {435 /* clone3, whose flags are behind a pointer */,
                                         437 /* openat2, likewise */,
                                         434 /* pidfd_open */,
                                         425 /* io_uring_setup */,
                                         426 /* io_uring_enter */,
                                         427 /* io_uring_register */,
                                         447 /* memfd_secret */,
                                         SYS_memfd_create,
                                         -1};

const int p2p_sandbox_calls_on_metadata[] = {
#ifdef SYS_chmod
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
    SYS_fchmodat,
    SYS_fchownat,
    452 /* fchmodat2 */,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_inotify_add_watch,
    -1};

#endif
