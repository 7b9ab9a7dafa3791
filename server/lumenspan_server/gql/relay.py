"""What every connection shares: page info and the limits of ``first``."""

from collections.abc import Sequence
from typing import Self

import strawberry

from lumenspan.errors import InvalidInput


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None

    @classmethod
    def of(cls, cursors: Sequence[str], *, has_next: bool, has_previous: bool) -> Self:
        return cls(
            has_next_page=has_next,
            has_previous_page=has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


def checked_first(first: int, most: int) -> int:
    """``first`` itself.

    Raises:
        InvalidInput: it is not within 1 and ``most``.
    """
    if not 1 <= first <= most:
        raise InvalidInput(f"first must be from 1 to {most}")
    return first
