"""The desktop application: traces of a Lumenspan server, read through GraphQL."""

import ctypes
import platform
import sys


def _protect_true() -> None:
    """Makes `True` as immortal as Python 3.12 and later have it.

    PySide6 6.12 gives one reference to `True` away with each `emit`, which aborts Python 3.11 after some
    hundred signals ("deallocating True or False").
    """
    if sys.version_info < (3, 12) and platform.python_implementation() == "CPython":
        ctypes.c_ssize_t.from_address(id(True)).value += 1 << 40


_protect_true()
