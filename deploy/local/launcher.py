"""Becomes another program that cannot outlive the stack.

Run as a script, not imported: `python -I -S launcher.py ORPHAN_SIGNAL PARENT_PID UID PROGRAM …`.
Between fork and exec only a fresh interpreter may safely do this much. The process id stays.
UID -1 keeps the user. Any other gives root up for that user, as PostgreSQL refuses to be root,
but keeps the right to search folders: a checkout under a private home would be out of its reach.
"""

import ctypes
import os
import resource
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


def _become_user(libc: ctypes.CDLL, uid: int) -> None:
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # Without it access(2), by which initdb looks for its programs, leaves the capability out.
    libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    # Containers grant root the first of these, plain hosts both; either one is enough.
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        bit = 1 << capability
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if libc.capset(header, effective_permitted_inheritable) == 0:
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return


def _launch(orphan_signal: int, parent_pid: int, uid: int, command: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold what was said
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if uid >= 0:
            _become_user(libc, uid)
        # After the change of user, which clears it.
        libc.prctl(_PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0)
        if os.getppid() != parent_pid:
            sys.exit("the stack died while this process was started")
    os.execv(command[0], command)  # noqa: S606 - to start the given program is the job


if __name__ == "__main__":
    _launch(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
