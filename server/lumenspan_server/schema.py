"""Write graphql/schema.graphql from the code, or check that it is current.

python -m lumenspan_server.schema [--check] [FILE]
"""

import argparse
import sys
from pathlib import Path

from lumenspan_server.gql.schema import make_schema

_DEFAULT = Path(__file__).resolve().parents[2] / "graphql" / "schema.graphql"


def schema_text() -> str:
    """The schema as SDL, ending with a newline."""
    return make_schema().as_str().strip() + "\n"


def main(arguments: list[str] | None = None) -> int:
    """0 when the file is (now) current, 1 when ``--check`` found it old."""
    parser = argparse.ArgumentParser(prog="python -m lumenspan_server.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the file is old")
    parser.add_argument("file", nargs="?", type=Path, default=_DEFAULT)
    options = parser.parse_args(arguments)
    text = schema_text()
    if options.check:
        if options.file.exists() and options.file.read_text() == text:
            return 0
        sys.stderr.write(f"{options.file} is not current; run: python -m lumenspan_server.schema\n")
        return 1
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
