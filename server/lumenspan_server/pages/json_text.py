"""JSON laid out for reading, exactly as it was stored: no number is rounded, no double key lost."""

import json
import re

from markupsafe import Markup, escape

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
# Deeper levels are not moved further to the right.
_MAX_INDENT = 40


def laid_out(raw: str, max_chars: int) -> tuple[Markup, bool]:
    """Markup of valid JSON, one member a line, and whether it was cut after about ``max_chars``.

    Keys are in ``<b>``, numbers and literals in ``<i>``. Does not recurse.
    """
    made: list[Markup | str] = []
    depth = size = 0
    before = ""
    marks = [match.group() for match in _TOKEN.finditer(raw)]
    for number, mark in enumerate(marks):
        if mark in "}]":
            depth -= 1
            made.append("" if before in "{[" else _line(depth))
            made.append(mark)
        else:
            if before == "," or (before and before in "{["):
                line = _line(depth)
                size += len(line)
                made.append(line)
            is_key = number + 1 < len(marks) and marks[number + 1] == ":"
            made.append(_marked(mark, is_key=is_key))
            depth += mark in "{["
        size += len(mark)
        before = mark
        if size > max_chars:
            return Markup("").join(made), True
    return Markup("").join(made), False


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, _MAX_INDENT)


def _marked(mark: str, *, is_key: bool) -> Markup | str:
    if mark in "{[,":
        return mark
    if mark == ":":
        return ": "
    if mark[0] != '"':
        return Markup("<i>{}</i>").format(mark)
    # Quotation marks mean nothing between tags, and there are many.
    readable = Markup(str(escape(_readable(mark))).replace("&#34;", '"'))  # noqa: S704
    return Markup("<b>{}</b>").format(readable) if is_key else readable


def _readable(mark: str) -> str:
    """The text with characters in place of their escapes where that is the same text."""
    if "\\u" not in mark:
        return mark
    text = json.dumps(json.loads(mark), ensure_ascii=False)
    # Half of a surrogate pair is no character.
    return mark if any("\ud800" <= character <= "\udfff" for character in text) else text
