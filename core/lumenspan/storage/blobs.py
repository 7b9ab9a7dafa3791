"""S3: put, get, list and delete objects through one long-lived client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import aioboto3
import aiohttp
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp
from pydantic import SecretStr

from lumenspan.errors import Bug, LumenspanError, NotFound, Unavailable
from lumenspan.settings import Settings

_log = structlog.get_logger(__name__)
ENGINE = "s3"
_GOOGLE = "storage.googleapis.com"
_MISSING = {"NoSuchKey", "404", "NotFound"}
_WRONG_REQUEST = {"InvalidArgument", "KeyTooLongError", "EntityTooLarge", "InvalidRequest"}


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket and how to reach it.

    Attributes:
        endpoint: AWS where None.
        access_key_id: what the environment of AWS gives where None.
        encryption: how objects that are put here are encrypted, the bucket's own way where None; addresses
            for uploads say nothing of it, their clients send no such header.
    """

    bucket: str
    region: str
    endpoint: str | None
    access_key_id: str | None
    secret_access_key: SecretStr | None
    is_path_style: bool
    encryption: str | None = None
    kms_key_id: str | None = None

    @classmethod
    def of_payloads(cls, settings: Settings) -> Self:
        """The bucket of raw payloads."""
        return cls(
            settings.s3_bucket,
            settings.s3_region,
            settings.s3_endpoint,
            settings.s3_access_key_id,
            settings.s3_secret_access_key,
            settings.is_s3_path_style,
            settings.s3_encryption,
            settings.s3_kms_key_id,
        )


class Blobs:
    """One bucket; that of raw payloads where no other ``address`` is given.

    Errors: NotFound for a missing key, Unavailable when the store is down, slow or refuses us (the operator
    sees the reason in the log), Bug for a request that can never succeed.
    """

    def __init__(self, settings: Settings, address: S3Address | None = None) -> None:
        self._settings = settings
        self._address = address or S3Address.of_payloads(settings)
        self._bucket = self._address.bucket
        self._encryption: dict[str, str] = {}
        if self._address.encryption:
            self._encryption["ServerSideEncryption"] = self._address.encryption
        if self._address.kms_key_id:
            self._encryption["SSEKMSKeyId"] = self._address.kms_key_id
        self._open = AsyncExitStack()
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._is_closed = False
        self._writes = asyncio.Semaphore(settings.s3_concurrent_writes)
        self._reads = asyncio.Semaphore(settings.s3_concurrent_reads)

    async def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Store ``data``; returns once the store has acknowledged it. The same key again overwrites."""
        async with self._writes, self._errors("put"):
            client = await self._connected()
            named = {"ContentType": content_type} if content_type else {}
            await client.put_object(Bucket=self._bucket, Key=key, Body=data, **named, **self._encryption)

    async def get(self, key: str) -> bytes:
        """The object's bytes."""
        async with self._reads, self._errors("get"):
            client = await self._connected()
            answer = await client.get_object(Bucket=self._bucket, Key=key)
            async with answer["Body"] as body:
                data: bytes = await body.read()
                return data

    async def has(self, key: str, *, bucket: str | None = None) -> bool:
        """Whether there is such an object."""
        async with self._reads, self._errors("has"):
            client = await self._connected()
            try:
                await client.head_object(Bucket=bucket or self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return False
                raise
            return True

    async def upload_url(
        self, key: str, *, content_type: str, size_bytes: int, sha256: str, expires_s: int
    ) -> str:
        """An address to which these very bytes may be PUT for ``expires_s`` seconds; signed, not contacted.

        The store refuses another Content-Type, Content-Length or ``x-amz-checksum-sha256`` (base64), and a
        body that does not have that digest.
        """
        expected = {"ContentType": content_type, "ContentLength": size_bytes, "ChecksumSHA256": sha256}
        if _GOOGLE in (self._address.endpoint or ""):
            # It knows no such header, and the SDKs leave it out there.
            del expected["ChecksumSHA256"]
        return await self._signed("put_object", {"Key": key, **expected}, expires_s)

    async def download_url(self, key: str, *, expires_s: int, bucket: str | None = None) -> str:
        """An address from which the object may be read for ``expires_s`` seconds; signed, not contacted."""
        return await self._signed("get_object", {"Key": key, "Bucket": bucket or self._bucket}, expires_s)

    async def _signed(self, operation: str, parameters: dict[str, Any], expires_s: int) -> str:
        async with self._errors("sign"):
            client = await self._connected()
            url: str = await client.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, **parameters}, ExpiresIn=expires_s
            )
            return url

    async def list(self, prefix: str, start_after: str = "", limit: int = 1000) -> list[str]:
        """Keys under ``prefix`` in order, after ``start_after``, at most ``limit`` (1-1000)."""
        async with self._reads, self._errors("list"):
            client = await self._connected()
            more = {"StartAfter": start_after} if start_after else {}
            answer = await client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=limit, **more)
            return [entry["Key"] for entry in answer.get("Contents", ())]

    async def delete(self, key: str, *, bucket: str | None = None) -> None:
        """Remove the object; a missing one is no error."""
        async with self._writes, self._errors("delete"):
            client = await self._connected()
            await client.delete_object(Bucket=bucket or self._bucket, Key=key)

    async def ensure_bucket(self) -> None:
        """Make the bucket where it does not exist."""
        async with self._errors("ensure_bucket"):
            client = await self._connected()
            try:
                await client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if _code(error) not in _MISSING | {"NoSuchBucket"}:
                    raise
                await client.create_bucket(Bucket=self._bucket)

    async def ping(self) -> None:
        """Return when the bucket can be reached; Unavailable otherwise."""
        async with self._errors("ping"):
            client = await self._connected()
            await client.head_bucket(Bucket=self._bucket)

    async def close(self) -> None:
        """Release the connections, for good: what calls later is told Unavailable."""
        self._is_closed = True
        async with self._connecting:
            self._client = None
            await self._open.aclose()

    async def _connected(self) -> Any:
        if self._client is None:
            async with self._connecting:
                if self._is_closed:
                    # Nobody would close another client.
                    raise Unavailable(ENGINE)
                if self._client is None:
                    self._client = await self._open.enter_async_context(self._make_client())
        return self._client

    def _make_client(self) -> Any:
        settings, address = self._settings, self._address
        secret = address.secret_access_key
        session = aioboto3.Session()
        # Its own parser guesses at every form of a date, and a list has a thousand of them.
        session._session.get_component("response_parser_factory").set_parser_defaults(
            timestamp_parser=_instant
        )
        return session.client(
            "s3",
            region_name=address.region,
            endpoint_url=address.endpoint,
            aws_access_key_id=address.access_key_id,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=Config(
                # Presigned addresses would be of version 2 otherwise, which binds no length and no digest.
                signature_version="s3v4",
                s3={"addressing_style": "path" if address.is_path_style else "auto"},
                max_pool_connections=max(settings.s3_concurrent_writes, settings.s3_concurrent_reads),
                connect_timeout=3,
                read_timeout=20,
                retries={"total_max_attempts": 2, "mode": "standard"},
                # Not every S3 understands the newer checksums; TCP and our own framing guard the bytes.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @asynccontextmanager
    async def _errors(self, operation: str) -> AsyncIterator[None]:
        try:
            yield
        except ClientError as error:
            raise _translate(error, operation) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            _log.warning(
                "engine_unavailable", engine=ENGINE, operation=operation, error=type(error).__name__
            )
            raise Unavailable(ENGINE) from error


def _instant(text: Any) -> datetime:
    """The time of an answer of S3: of ISO 8601 in a document, of RFC 9110 in a header."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(AttributeError, TypeError, ValueError):
            return parse(text)
    found: datetime = parse_timestamp(text)
    return found


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _translate(error: ClientError, operation: str) -> LumenspanError:
    code = _code(error)
    if code in _MISSING and operation == "get":
        return NotFound("No such object")
    if code in _WRONG_REQUEST:
        _log.error("request_refused", engine=ENGINE, operation=operation, code=code)
        return Bug()
    _log.warning("engine_unavailable", engine=ENGINE, operation=operation, code=code)
    return Unavailable(ENGINE)
