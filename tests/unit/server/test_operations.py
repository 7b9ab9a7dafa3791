"""Reading queries and bodies: what fits is there, what does not is named by its place."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from litestar import Request
from litestar.testing import RequestFactory
from msgspec import Meta

from lumenspan_server.errors import ValidationFailed
from lumenspan_server.operations import PageQuery, StrictWire, Wire, decode, page_meta, read_query


class Inner(Wire):
    how_many: Annotated[int, Meta(ge=0)]


class Body(StrictWire):
    name: str
    parts: tuple[Inner, ...] = ()


class Query(PageQuery):
    environment: tuple[str, ...] = ()
    is_root: bool | None = None


def request(query: dict[str, Any]) -> Request[Any, Any, Any]:
    return RequestFactory().get("/", query_params=query)


def issue(error: pytest.ExceptionInfo[ValidationFailed]) -> dict[str, Any]:
    (found,) = error.value.issues
    return found


def test_a_query_is_read_from_texts() -> None:
    query = read_query(request({"page": "2", "environment": ["a", "", "b"], "isRoot": "true"}), Query)
    assert (query.page, query.limit, query.environment, query.is_root) == (2, 50, ("a", "b"), True)


def test_an_empty_value_is_the_default() -> None:
    assert read_query(request({"page": "", "environment": ""}), Query) == Query()


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "9" * 30])
def test_a_wrong_page_is_named(page: str) -> None:
    with pytest.raises(ValidationFailed) as error:
        read_query(request({"page": page}), Query)
    assert issue(error)["path"] == ["page"]
    assert error.value.is_of_query


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (b'{"name": 1}', ["name"], "invalid_type"),
        (b"{}", ["name"], "invalid_type"),
        (b'{"name": "a", "other": 1}', ["other"], "unrecognized_keys"),
        (
            b'{"name": "a", "parts": [{"howMany": 1}, {"howMany": -1}]}',
            ["parts", 1, "howMany"],
            "too_small",
        ),
        (b'{"name": "a", "parts": [{}]}', ["parts", 0, "howMany"], "invalid_type"),
        (b"[]", [], "invalid_type"),
        (b"{", [], "invalid_json"),
        (b"\xff", [], "invalid_json"),
    ],
)
def test_what_does_not_fit_is_named(body: bytes, path: list[str | int], code: str) -> None:
    with pytest.raises(ValidationFailed) as error:
        decode(body, Body)
    assert (issue(error)["path"], issue(error)["code"]) == (path, code)


def test_pages_are_counted() -> None:
    assert page_meta(PageQuery(limit=50), 101).total_pages == 3
    assert page_meta(PageQuery(), 0).total_pages == 0
