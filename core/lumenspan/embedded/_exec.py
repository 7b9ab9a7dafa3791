"""Start a program so that it cannot outlive its supervisor; run by path, never imported.

Usage: ``python -I -S _exec.py PARENT_PID DEATH_SIGNAL UID CAPABILITY PROGRAM [ARGUMENT...]``

UID and CAPABILITY are ``-`` or a number. It becomes that user (and group of the same number), asks the
kernel for DEATH_SIGNAL when the parent dies, and turns into PROGRAM. This runs after exec in a process of
its own: between fork and exec of a process with threads, Python code (``preexec_fn``) can deadlock.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    """``prctl(2)``; OSError when the kernel refuses."""
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *values) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def become(uid: int, capability: int | None) -> None:
    """Give up all rights but those of ``uid``, and ``capability`` if one is named."""
    if capability is not None:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    if capability is not None:
        header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
        bit = 1 << capability
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if libc.capset(header, sets) != 0:
            raise OSError(ctypes.get_errno(), "capset")
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def main() -> None:
    parent, death_signal, uid, capability, *program = sys.argv[1:]
    if uid != "-":
        become(int(uid), None if capability == "-" else int(capability))
    # After the change of user, which clears it. The order with the check below closes the gap in which
    # the parent may already be dead.
    prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(parent):
        sys.exit(125)
    os.execv(program[0], program)  # noqa: S606  (no shell is wanted)


main()
