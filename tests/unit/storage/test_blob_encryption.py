"""What is asked of the store where objects are to be encrypted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from lumenspan.storage.blobs import Blobs, S3Address
from tests.unit.test_settings import settings


@pytest.fixture
async def store() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """An S3 that takes everything, and the headers of what was put."""
    seen: list[dict[str, str]] = []

    async def put(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        await request.read()
        return web.Response(headers={"ETag": '"x"'})

    app = web.Application()
    app.router.add_put("/{bucket}/{key:.*}", put)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


@pytest.mark.parametrize(
    ("encryption", "kms_key", "sent"),
    [
        (None, None, (None, None)),
        ("AES256", None, ("AES256", None)),
        ("aws:kms", "key-1", ("aws:kms", "key-1")),
    ],
)
async def test_objects_are_put_with_the_encryption_of_the_settings(
    store: tuple[str, list[dict[str, str]]],
    encryption: str | None,
    kms_key: str | None,
    sent: tuple[str | None, str | None],
) -> None:
    url, seen = store
    address = S3Address("b", "us-east-1", url, "id", SecretStr("secret"), True, encryption, kms_key)
    blobs = Blobs(settings(), address)
    await blobs.put("key", b"data")
    await blobs.close()
    (headers,) = seen
    names = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
    assert tuple(headers.get(name) for name in names) == sent


def test_the_settings_reach_the_address() -> None:
    made = settings(LANGFUSE_S3_EVENT_UPLOAD_SSE="aws:kms", LANGFUSE_S3_EVENT_UPLOAD_SSE_KMS_KEY_ID="key-1")
    address = S3Address.of_payloads(made)
    assert (address.encryption, address.kms_key_id) == ("aws:kms", "key-1")
