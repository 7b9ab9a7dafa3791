"""Name and version that the server answers with."""

from importlib.metadata import PackageNotFoundError, version

NAME = "lumenspan"
try:
    VERSION = version(NAME)
except PackageNotFoundError:
    VERSION = "0.0.0"
