"""The desktop application: traces of a Lumenspan server, read through GraphQL."""

import ctypes
import platform
import sys


def _protect_singletons() -> None:
    """Makes `None`, `True` and their like as immortal as Python 3.12 and later have them.

    PySide6 6.12 counts on that: with each signal and each painted widget it gives references to them
    away, which aborts Python 3.11 after a while ("deallocating None").
    """
    if sys.version_info < (3, 12) and platform.python_implementation() == "CPython":
        for singleton in (None, True, False, NotImplemented, Ellipsis):
            ctypes.c_ssize_t.from_address(id(singleton)).value += 1 << 40


_protect_singletons()
