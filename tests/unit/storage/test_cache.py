from __future__ import annotations

import pytest
from redis import exceptions

from lumenspan.errors import Unavailable
from lumenspan.storage.cache import key, redis_errors
from tests.unit.test_settings import settings


def test_keys_carry_the_prefix() -> None:
    assert key(settings(), "tail", "p1") == "tail:p1"
    assert key(settings(REDIS_KEY_PREFIX="app:"), "tail", "p1") == "app:tail:p1"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.BusyLoadingError,
        exceptions.ReadOnlyError,
        exceptions.OutOfMemoryError,
    ],
)
def test_what_passes_by_itself_is_unavailable(error: type[Exception]) -> None:
    with pytest.raises(Unavailable) as caught, redis_errors():
        raise error("secret detail")
    assert caught.value.engine == "redis"
    assert "secret detail" not in str(caught.value)


def test_anything_else_is_left_as_it_is() -> None:
    with pytest.raises(exceptions.ResponseError), redis_errors():
        raise exceptions.ResponseError("WRONGTYPE")
