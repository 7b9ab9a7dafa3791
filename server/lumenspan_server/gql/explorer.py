"""The explorer page that people get at /graphql."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def explorer_page() -> str:
    """The page, self-contained: nothing is fetched from elsewhere."""
    page = _read("explorer.html")
    for mark, name in (("/*STYLE*/", "explorer.css"), ("/*SCRIPT*/", "explorer.js")):
        page = page.replace(mark, _read(name))
    return page


def _read(name: str) -> str:
    return files("lumenspan_server.gql").joinpath(name).read_text(encoding="utf-8")
