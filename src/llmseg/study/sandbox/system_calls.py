"""A filter of system calls (seccomp) that generated code never needs: the rest of the kernel is a smaller target."""

import errno
import platform
import struct

# Column 0: x86-64, 1: AArch64 (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE = (56, 220)
_SOCKET = (41, 198)
_FAMILIES = (1, 2, 10, 16)  # local, IPv4, IPv6, netlink: others, such as a virtual machine's vsock, know no namespaces
_NEW_NAMESPACE = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_REFUSED = {
    # new namespaces and mounts: a new tmpfs is memory that no limit counts
    **{"unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41)},
    **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431)},
    **{"fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442)},
    # memory that belongs to no process
    **{"shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "memfd_secret": (447, 447)},
    # other processes, keys, and large parts of the kernel
    **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271)},
    **{"open_by_handle_at": (304, 265), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425)},
    **{"pidfd_getfd": (438, 438), "syslog": (103, 116)},
    **{"kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106)},
}
_MISSING = {  # "not implemented", so that libraries fall back to older calls that the filter can see into
    **{"clone3": (435, 435), "memfd_create": (319, 279)},
}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian


def program(machine: str | None = None) -> bytes | None:
    """Return the filter as an array of struct sock_filter, or None for a machine whose numbers are not known."""
    column, architecture = _ARCHITECTURES.get(machine or platform.machine(), (0, 0))
    if not architecture:
        return None
    refuse = (_RETURN, 0, 0, _ERROR | errno.EPERM)
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), refuse, (_LOAD, 0, 0, _NUMBER)]
    code += [(_AT_LEAST, 0, 1, 0x40000000), refuse]  # x32: other numbers for the same calls
    for numbers in _REFUSED.values():
        code += [(_EQUAL, 0, 1, numbers[column]), refuse]
    for numbers in _MISSING.values():
        code += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    allow, count = (_RETURN, 0, 0, _ALLOW), len(_FAMILIES)
    code += [
        (_EQUAL, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACE),
        refuse,
        allow,
    ]
    code += [(_EQUAL, 0, count + 2, _SOCKET[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    code += [(_EQUAL, count - number, 0, family) for number, family in enumerate(_FAMILIES)]
    code += [refuse, allow]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
