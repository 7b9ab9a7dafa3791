"""Headers of ``SKILL.md``: whatever stands there is read as plain values or refused."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.errors import InvalidInput
from lumenspan.skills import header

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


class TestParse:
    @given(extra=PLAIN)
    def test_every_plain_value_becomes_json(self, extra: object) -> None:
        text = yaml.safe_dump({"name": "a-skill", "description": "d", "extra": extra})
        found = header.parse(f"---\n{text}---\nbody")
        assert (found.name, found.description) == ("a-skill", "d")
        assert b"\0" not in msgspec.json.encode(found.frontmatter)

    @given(text=st.text("-\n:[]{}&*!#>|'\"? ab1.\t\r\0", max_size=60))
    def test_nothing_is_an_error_of_another_kind(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            header.parse(f"---\n{text}\n---\n")

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_lines_end_as_they_like(self, end: str) -> None:
        text = end.join(["\ufeff---", "name: x", "description: y", "---", ""])
        assert header.parse(text).name == "x"
