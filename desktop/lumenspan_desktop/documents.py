"""The GraphQL operations this client sends, read from `graphql/operations`."""

from functools import cache
from pathlib import Path

from graphql import DocumentNode, parse
from graphql.utilities import separate_operations


def operations_folder() -> Path:
    """Where the operation files are: inside an installed package, else in the source tree.

    Raises `FileNotFoundError` when neither place has them (a broken installation).
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_assets/graphql/operations", package.parents[1] / "graphql/operations"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the GraphQL operations of the desktop are not installed")


@cache
def all_documents() -> dict[str, DocumentNode]:
    """Every operation by name, each with exactly the fragments it uses."""
    documents: dict[str, DocumentNode] = {}
    for file in sorted(operations_folder().glob("*.graphql")):
        documents.update(separate_operations(parse(file.read_text(encoding="utf-8"))))
    return documents


def document(name: str) -> DocumentNode:
    """The document of one operation; raises `KeyError` when there is none of that name."""
    return all_documents()[name]
