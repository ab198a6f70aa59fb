"""What the kernel keeps a process from that opens strangers' files: every other file, the network, other processes.

Landlock (landlock(7)) for files, a filter of system calls (seccomp(2)) for the rest; docs/decisions/0020-confinement.md
says what each holds. Both are asked of the kernel itself, as Python has no words for them; nobody can undo them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Final

# <linux/landlock.h>, <linux/seccomp.h>, <linux/prctl.h>. Landlock's system calls have the same numbers everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many kinds of access to files each version knows, from its number on."""
_WHOLE_SINCE, _NETWORK_SINCE, _SCOPES_SINCE, _BOTH = 3, 4, 6, 0b11
_NO_NEW_PRIVS, _GET_SECCOMP, _SET_SECCOMP, _FILTER = 38, 21, 22, 2

_DENIED: Final = """
socket 41 198, io_uring_setup 425 425,
clone 56 220, clone3 435 435, fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, unshare 272 97, setns 308 268,
kill 62 129, tkill 200 130, pidfd_send_signal 424 424, prlimit64 302 261, ptrace 101 117, pidfd_getfd 438 438,
process_vm_readv 310 270, process_vm_writev 311 271, open_by_handle_at 304 265, bpf 321 280,
chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54
"""
"""What reading a file does without, by name and by number on each of `_MACHINES`: network (a ring could open a socket,
too), other programs, other processes, and in the last line what of files Landlock leaves out."""
_MACHINES: Final = {"x86_64": (1, 0xC000003E), "aarch64": (2, 0xC00000B7)}
"""The column of `_DENIED` from its name on, and the machine as the filter is told it (<linux/audit.h>)."""
_OTHER_ABI: Final = 0x40000000
"""From this number on, x86_64 has the same calls once more (x32)."""
_LOAD, _IS, _FROM, _ANSWER = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001


@dataclass(frozen=True, slots=True)
class Means:
    """What this kernel offers: Landlock's version, 0 for none; whether system calls can be filtered."""

    landlock: int
    seccomp: bool

    @property
    def is_whole(self) -> bool:
        """Whether a reader is kept from everything; before version 3 it could empty a file."""
        return self.landlock >= _WHOLE_SINCE and self.seccomp


def available() -> Means:
    """What `confine` uses here. Changes nothing."""
    if sys.platform != "linux":
        return Means(0, seccomp=False)
    libc = ctypes.CDLL(None)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    filters = os.uname().machine in _MACHINES and ctypes.sizeof(ctypes.c_void_p) == 8
    return Means(max(0, version), filters and libc.prctl(_GET_SECCOMP) >= 0)


def confine(readable: Iterable[str | Path]) -> None:
    """From now on only what lies beneath `readable` can be read, and nothing else be done; as far as `available` says.

    Raises `OSError` where the kernel refuses what it offers: then nothing is to be opened.
    """
    means = available()
    if means == Means(0, seccomp=False):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    if means.landlock:
        _shut_files(libc, means.landlock, readable)
    if means.seccomp:
        _filter_calls(libc)


def libraries() -> list[str]:
    """Where Python finds its modules and what they link to, and PDFium the fonts that a file does not bring."""
    # Not sys.path, to which a package in development adds folders that hold more than code.
    python = (f"{place}/{lib}" for place in {sys.prefix, sys.base_prefix} for lib in ("lib", "lib64"))
    shared = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
    fonts = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts")
    return [str(Path(__file__).resolve().parents[1]), *python, *shared, *fonts]


def _shut_files(libc: ctypes.CDLL, version: int, readable: Iterable[str | Path]) -> None:
    rights = max(number for since, number in _FILE_RIGHTS.items() if since <= version)
    network = _BOTH if version >= _NETWORK_SINCE else 0
    scopes = _BOTH if version >= _SCOPES_SINCE else 0
    wanted = pack("=QQQ", (1 << rights) - 1, network, scopes)
    rules = _done(libc.syscall(_CREATE_RULESET, wanted, ctypes.c_size_t(len(wanted)), 0))
    for path in readable:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # not on this machine
        may = _READ_FILE | _READ_DIR if Path(path).is_dir() else _READ_FILE
        _done(libc.syscall(_ADD_RULE, rules, 1, pack("=Qi", may, place), 0))
        os.close(place)
    _done(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _filter_calls(libc: ctypes.CDLL) -> None:
    column, machine = _MACHINES[os.uname().machine]
    numbers = (call.split()[column] for call in _DENIED.split(","))
    denied = [int(number) for number in numbers if number != "-"]
    # Each step: what, how many steps to skip if so, and if not, with what. The last but one lets the call through.
    left = len(denied)
    steps = [(_LOAD, 0, 0, 4), (_IS, 0, left + 3, machine), (_LOAD, 0, 0, 0), (_FROM, left + 1, 0, _OTHER_ABI)]
    steps += [(_IS, left - place, 0, number) for place, number in enumerate(denied)]
    steps += [(_ANSWER, 0, 0, _ALLOW), (_ANSWER, 0, 0, _REFUSE)]
    program = ctypes.create_string_buffer(b"".join(pack("=HBBI", *step) for step in steps))
    pointer = ctypes.create_string_buffer(pack("@HP", len(steps), ctypes.addressof(program)))
    _done(libc.prctl(_SET_SECCOMP, _FILTER, pointer, 0, 0))


def _done(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
