"""What a statement is, as far as transport must know: its kind, its format, where inserted rows start.

The engine parses SQL; this only walks its tokens so that quotes and comments never mislead.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lumenspan.embedded.chserver.errors import SYNTAX_ERROR, ClickHouseError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`)
    | (?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<number>\d[\w.]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = "word"
_OPENING, _CLOSING = "([{", ")]}"


class Kind(enum.Enum):
    """How a statement is carried out."""

    SELECT = "select"  # result can be streamed
    SHOW = "show"  # small result: SHOW, DESCRIBE, EXISTS, EXPLAIN, CHECK
    INSERT_DATA = "insert_data"  # rows come with the request
    SESSION = "session"  # SET, USE, temporary tables: belongs to the session
    KILL = "kill"
    COMMAND = "command"


_KIND_BY_WORD = {
    "SELECT": Kind.SELECT,
    "WITH": Kind.SELECT,
    "FROM": Kind.SELECT,
    "SHOW": Kind.SHOW,
    "DESC": Kind.SHOW,
    "DESCRIBE": Kind.SHOW,
    "EXISTS": Kind.SHOW,
    "EXPLAIN": Kind.SHOW,
    "CHECK": Kind.SHOW,
    "SET": Kind.SESSION,
    "USE": Kind.SESSION,
    "KILL": Kind.KILL,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        text: what to run, without FORMAT and without inserted data.
        tail: what followed FORMAT: a SETTINGS clause, or "".
        format: from its FORMAT clause, None if it has none.
        data: INSERT_DATA only: rows that followed the statement in the same text.
        writes_outfile: has INTO OUTFILE, which a server refuses.
    """

    kind: Kind
    text: str
    format: str | None = None
    tail: str = ""
    data: str = ""
    writes_outfile: bool = False

    @property
    def is_read_only(self) -> bool:
        """Whether a GET may run it."""
        return self.kind in (Kind.SELECT, Kind.SHOW)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    depth: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == _WORD else self.text


def _tokens(sql: str) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "tag":
            kind = "heredoc"
        if kind == "space":
            continue
        text = match.group()
        if text in _CLOSING:
            depth -= 1
        yield _Token(kind, text, match.start(), match.end(), depth)
        if text in _OPENING:
            depth += 1


def _skip_to_data(sql: str, position: int) -> int:
    """Rows start after blanks and one line feed."""
    while position < len(sql) and sql[position] in " \t\r;":
        position += 1
    return position + 1 if position < len(sql) and sql[position] == "\n" else position


def _parse_insert(sql: str, tokens: Iterator[_Token]) -> Statement:
    previous = ""
    for token in tokens:
        if token.depth == 0 and token.kind == _WORD:
            word = token.upper
            if word == "VALUES" and previous not in ("INTO", "TABLE", "."):
                return Statement(
                    Kind.INSERT_DATA, sql[: token.start].rstrip(), "Values", data=sql[token.end :]
                )
            if word == "FORMAT" and previous not in ("INTO", "TABLE", "."):
                name = next(tokens, None)
                if name is not None and name.kind == _WORD:
                    data = sql[_skip_to_data(sql, name.end) :]
                    return Statement(Kind.INSERT_DATA, sql[: token.start].rstrip(), name.text, data=data)
            if word in ("SELECT", "WITH", "FROM", "WATCH"):
                return Statement(Kind.COMMAND, sql)
        elif token.text == "(" and previous not in ("INTO", "TABLE") and _opens_select(sql, token.end):
            return Statement(Kind.COMMAND, sql)
        previous = token.upper
    return Statement(Kind.INSERT_DATA, sql.rstrip().rstrip(";"))


def _opens_select(sql: str, position: int) -> bool:
    first = next(_tokens(sql[position : position + 4096]), None)
    return first is not None and first.upper in ("SELECT", "WITH")


def is_insert(sql: str) -> bool:
    """Whether the first word is INSERT; text may be cut anywhere after it."""
    first = next(_tokens(sql), None)
    return first is not None and first.upper == "INSERT"


def parse(sql: str) -> Statement:
    """The statement in ``sql``; text that is not SQL comes back as a command for the engine to refuse.

    Raises ClickHouseError for more than one statement.
    """
    tokens = _tokens(sql)
    first = next((token for token in tokens if token.text != "("), None)
    if first is None or first.kind != _WORD:
        return Statement(Kind.COMMAND, sql)
    word = first.upper
    if word == "INSERT":
        return _parse_insert(sql, tokens)
    rest = list(tokens)
    kind = _KIND_BY_WORD.get(word, Kind.COMMAND)
    if word == "WITH" and any(token.depth == 0 and token.upper == "INSERT" for token in rest):
        kind = Kind.COMMAND
    if word in ("CREATE", "DROP") and any(token.upper == "TEMPORARY" for token in rest[:3]):
        kind = Kind.SESSION
    outfile = kind is Kind.SELECT and any(
        token.upper == "OUTFILE" and before.upper == "INTO" for before, token in itertools.pairwise(rest)
    )
    return _split_format(sql, kind, rest, outfile)


def _split_format(sql: str, kind: Kind, rest: list[_Token], outfile: bool) -> Statement:
    """Take a trailing ``FORMAT name [SETTINGS …] [;]`` off."""
    while rest and rest[-1].text == ";":
        sql = sql[: rest.pop().start]
    if any(token.text == ";" and token.kind == "mark" for token in rest):
        raise ClickHouseError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
    for index in range(len(rest) - 2, -1, -1):
        token, name = rest[index], rest[index + 1]
        if token.depth or token.upper != "FORMAT" or name.kind != _WORD:
            continue
        after = rest[index + 2] if index + 2 < len(rest) else None
        if after is not None and after.upper != "SETTINGS":
            continue
        tail = sql[after.start :] if after is not None else ""
        return Statement(kind, sql[: token.start].rstrip(), name.text, tail, writes_outfile=outfile)
    return Statement(kind, sql, writes_outfile=outfile)
