"""ClickHouse exceptions: code, the text a server would send, the HTTP status that goes with the code."""

from __future__ import annotations

import re

SYNTAX_ERROR = 62
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
UNKNOWN_COMPRESSION_METHOD = 89
CANNOT_DECOMPRESS = 271
READONLY = 164
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_IS_TOO_LARGE = 552
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
QUERY_WAS_CANCELLED = 394
AUTHENTICATION_FAILED = 516
UNKNOWN_EXCEPTION = 1002

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    UNKNOWN_COMPRESSION_METHOD: "UNKNOWN_COMPRESSION_METHOD",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

_STATUS_BY_CODE = {
    194: 401,  # REQUIRED_PASSWORD
    **dict.fromkeys((192, 193, 516, 511), 403),  # unknown user, wrong password, failed authentication
    # Text, types and values that do not parse.
    **dict.fromkeys(
        (36, 427, 6, 25, 26, 38, 41, 72, 129, 130, 27, 376, 15, 44, 62, 117, 53, 321, 441, 675, 676, 691),
        400,
    ),
    # Something named in the query is not there.
    **dict.fromkeys((60, 46, 47, 50, 56, 81, 115, 63, 73, 336, 78, 139), 404),
    **dict.fromkeys((252, 202, 203, 209, 76, 439), 503),
    159: 408,  # TIMEOUT_EXCEEDED
    381: 411,
    552: 413,
    48: 501,
}
_STATUS_BY_CODE[252] = 500  # TOO_MANY_PARTS: the insert itself has to change
_STATUS_BY_CODE[203] = 500

_PREFIX = re.compile(r"(?:Code: (\d+)\. DB::(?:Net)?Exception: )+")
_TRAILER = re.compile(r"(?:\s*\(version [^)]*\)\.?(?: \(([A-Z_0-9]+)\))?)+\s*$")
_NAME = re.compile(r"\(([A-Z][A-Z_0-9]+)\)\s*$")


class ClickHouseError(Exception):
    """What the client is told instead of a result.

    Attributes:
        code: number of the exception, as in ``X-ClickHouse-Exception-Code``.
        http_status: status a ClickHouse server sends with that code.
        text: the message without prefix and version.
    """

    def __init__(
        self, code: int, text: str, name: str | None = None, *, http_status: int | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.name = name or _NAMES.get(code, "")
        self.http_status = http_status or _STATUS_BY_CODE.get(code, 500)

    def render(self, version: str) -> str:
        """The line a server sends: code, text, name, version, without a line feed at the end."""
        name = f" ({self.name})" if self.name else ""
        return f"Code: {self.code}. DB::Exception: {self.text}{name} (version {version} (official build))"


def from_engine(error: BaseException) -> ClickHouseError:
    """The engine's exception, whose code is inside its text, once or nested."""
    text = str(error).strip()
    found = _PREFIX.search(text)
    if found is None:
        return ClickHouseError(UNKNOWN_EXCEPTION, text or type(error).__name__)
    text = text[found.end() :]
    name = None
    # Wrapped exceptions repeat "(version …). (NAME)"; each round peels one layer off.
    while True:
        shorter = _TRAILER.sub("", text)
        if named := _NAME.search(shorter):
            name = named.group(1)
            shorter = shorter[: named.start()].rstrip()
        if shorter == text:
            break
        text = shorter
    return ClickHouseError(int(found.group(1)), text, name)
