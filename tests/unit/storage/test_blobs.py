from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from lumenspan.settings import Settings
from lumenspan.storage.blobs import Blobs, S3Address
from tests.unit.test_settings import REQUIRED

SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def blobs(endpoint: str | None) -> Blobs:
    settings = Settings(_env_file=None, **REQUIRED)  # type: ignore[arg-type]
    return Blobs(settings, S3Address("files", "eu-1", endpoint, "key", SecretStr("secret"), True))


class TestUploadUrl:
    @pytest.mark.parametrize(
        ("endpoint", "digest"),
        [("https://s3.example.com", True), (None, True), ("https://storage.googleapis.com", False)],
    )
    async def test_binds_what_the_sdks_send_to_that_store(self, endpoint: str | None, digest: bool) -> None:
        store = blobs(endpoint)
        url = urlsplit(
            await store.upload_url(
                "a/b.png", content_type="image/png", size_bytes=7, sha256=SHA256, expires_s=60
            )
        )
        await store.close()
        query = parse_qs(url.query)
        assert url.path == "/files/a/b.png"
        assert query["X-Amz-Expires"] == ["60"]
        bound = set(query["X-Amz-SignedHeaders"][0].split(";"))
        assert bound == {"content-length", "content-type", "host"} | (
            {"x-amz-checksum-sha256"} if digest else set()
        )

    async def test_a_download_is_signed_for_its_own_bucket(self) -> None:
        store = blobs("https://s3.example.com")
        url = urlsplit(await store.download_url("a b", expires_s=60, bucket="older"))
        await store.close()
        assert (url.netloc, url.path) == ("s3.example.com", "/older/a%20b")
        assert "X-Amz-Signature" in parse_qs(url.query)
