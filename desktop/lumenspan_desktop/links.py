"""Links such as `lumenspan://open?server=…&project=…&trace=…`, and telling the system that they are ours.

A link may come from any page: it opens a trace and does nothing else. The address in it is only ever shown,
or compared with those of servers that the person signed in to before.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from lumenspan_desktop.api import normalized_url
from lumenspan_desktop.errors import ClientError

SCHEME = "lumenspan"
_LONGEST = 8_192
_LONGEST_ID = 2_048
# The application names its windows so, too, and the system finds the entry by it.
_ENTRY = "lumenspan.desktop"
_NOT_OURS = "This is not a link to a trace."


@dataclass(frozen=True)
class Link:
    """A trace on a server; `observation_id` is empty for the trace as a whole."""

    server: str
    project_id: str
    trace_id: str
    observation_id: str = ""


def parse_link(text: str) -> Link:
    """The trace that a link leads to. Raises `ValueError` for another text."""
    if len(text) > _LONGEST or not text.isprintable():
        raise ValueError(_NOT_OURS)
    parts = urlsplit(text)
    if parts.scheme != SCHEME or (parts.netloc, parts.path.strip("/")) not in (("open", ""), ("", "open")):
        raise ValueError(_NOT_OURS)
    try:
        fields = parse_qs(parts.query, max_num_fields=20, errors="strict")
        server = normalized_url(fields["server"][0])
    except (ValueError, KeyError, ClientError):
        raise ValueError(_NOT_OURS) from None
    project, trace, observation = (
        fields.get(name, [""])[0] for name in ("project", "trace", "observation")
    )
    are_ids = all(each.isprintable() and len(each) <= _LONGEST_ID for each in (project, trace, observation))
    if not project or not trace or not are_ids or "@" in urlsplit(server).netloc:
        raise ValueError(_NOT_OURS)
    return Link(server, project, trace, observation)


def desktop_entry(python: str) -> str:
    """The entry that makes this application, run by that interpreter, open such links."""
    # What the specification asks of a quoted argument.
    quoted = "".join(f"\\\\{character}" if character in '"`$\\' else character for character in python)
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=Lumenspan\n"
        "Comment=Read and review the traces of a Lumenspan server\n"
        f'Exec="{quoted.replace("%", "%%")}" -m lumenspan_desktop %u\n'
        "Terminal=false\n"
        "Categories=Development;\n"
        f"MimeType=x-scheme-handler/{SCHEME};\n"
    )


def register() -> Path:
    """Makes this application the one that opens links, for this person; returns the entry.

    Again is no error. Raises `OSError` where it cannot be written.
    """
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = Path(base) / "applications"
    folder.mkdir(parents=True, exist_ok=True)
    entry = folder / _ENTRY
    entry.write_text(desktop_entry(sys.executable), encoding="utf-8")
    # Where they are missing, the system finds the entry by itself, perhaps at the next sign-in.
    for command in (
        ["update-desktop-database", str(folder)],
        ["xdg-mime", "default", _ENTRY, f"x-scheme-handler/{SCHEME}"],
    ):
        program = shutil.which(command[0])
        if program is not None:
            subprocess.run([program, *command[1:]], check=False, timeout=30, capture_output=True)
    return entry
