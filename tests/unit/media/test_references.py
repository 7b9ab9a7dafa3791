from __future__ import annotations

from typing import Any, cast

import pytest
from langfuse.media import LangfuseMedia

from lumenspan.ids import ProjectId
from lumenspan.media.domain import EXTENSIONS, FileMark, object_key
from lumenspan.media.references import Reference, Source, find, is_reference


class TestReference:
    @pytest.mark.parametrize("source", list(Source))
    def test_is_spelled_as_the_sdk_reads_it(self, source: Source) -> None:
        mark = FileMark.of("image/png", b"some bytes")
        text = str(Reference("image/png", mark.media_id, source))
        assert LangfuseMedia.parse_reference_string(text) == {
            "content_type": "image/png",
            "media_id": mark.media_id,
            "source": source.value,
        }
        assert find(text) == [Reference("image/png", mark.media_id, source)]
        assert is_reference(text)

    def test_several_within_a_longer_text_are_found_in_order(self) -> None:
        one = "@@@langfuseMedia:type=image/png|id=a|source=bytes@@@"
        two = "@@@langfuseMedia:id=b|source=file|type=audio/wav@@@"
        found = find(f"see {one}{two} and @@@ more")
        assert [(each.content_type, each.media_id, each.source) for each in found] == [
            ("image/png", "a", "bytes"),
            ("audio/wav", "b", "file"),
        ]

    @pytest.mark.parametrize(
        "text",
        ["", "@@@langfuseMedia:@@@", "@@@langfuseMedia:type=image/png|id=a@@@", "@@@langfuseMedia:x"],
    )
    def test_what_lacks_a_part_is_none(self, text: str) -> None:
        assert find(text) == []


class TestFileMark:
    @pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 40, b"\xfb\xff\xfe" * 7])
    def test_id_and_digest_are_those_of_the_sdk(self, data: bytes) -> None:
        mark = FileMark.of("image/png", data)
        media = LangfuseMedia(content_bytes=data, content_type=cast(Any, "image/png"))
        assert (mark.media_id, mark.sha256) == (media._media_id, media._content_sha256_hash)
        assert (len(mark.media_id), len(mark.sha256)) == (22, 44)

    def test_the_id_is_safe_in_urls(self) -> None:
        marks = [FileMark.of("image/png", bytes([each])) for each in range(64)]
        assert any(set("+/") & set(mark.sha256[:22]) for mark in marks)
        assert not any(set("+/") & set(mark.media_id) for mark in marks)


class TestObjectKey:
    @pytest.mark.parametrize(
        ("content_type", "extension"),
        [
            ("image/svg+xml", "svg"),
            ("image/jpeg", "jpeg"),
            ("audio/mpeg", "mp3"),
            ("audio/webm", "weba"),
            ("video/quicktime", "mov"),
            ("text/plain", "txt"),
            ("application/octet-stream", "bin"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ],
    )
    def test_ends_with_the_extension_of_the_type(self, content_type: str, extension: str) -> None:
        mark = FileMark.of(content_type, b"x")
        key = object_key("media/", ProjectId("p"), mark.media_id, content_type)
        assert key == f"media/p/{mark.media_id}.{extension}"

    def test_every_documented_type_is_accepted(self) -> None:
        assert len(EXTENSIONS) == 52
