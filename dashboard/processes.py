"""Which process this is, and whether another has ended: for what a process holds and cannot give back when killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_OVER: Final = ("Z", "X", "x")
"""States of a process that has ended and whose parent has yet to hear of it."""


def this_process() -> str | None:
    """A name no other process has or will have: machine, number and start. None where the system does not tell."""
    machine = _machine()
    start = _start(os.getpid())
    return f"{machine}:{os.getpid()}:{start}" if machine and start else None


def has_ended(name: str | None) -> bool:
    """Whether the process of that name is certainly gone. False for one that ran where we cannot look."""
    machine, _, rest = (name or "").partition(":")
    number, _, start = rest.partition(":")
    if not machine or machine != _machine() or not number.isdigit():
        return False
    return _start(int(number)) != start


def _machine() -> str | None:
    """This boot of this machine, as far as the numbers of processes mean the same (containers count for themselves)."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink().name.strip('pid:[]')}"
    except OSError:
        return None


def _start(number: int) -> str | None:
    """When the process began, in the kernel's ticks since boot; None where there is none."""
    try:
        # The name, in brackets, may hold anything; what follows it has fixed places, the start being the twentieth.
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in _OVER else fields[19]
    except (OSError, IndexError):
        return None
