"""The explorer page that people get at /graphql."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def explorer_page() -> str:
    """The page, self-contained: nothing is fetched from elsewhere."""
    return files("lumenspan_server.gql").joinpath("explorer.html").read_text(encoding="utf-8")
