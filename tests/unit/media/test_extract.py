from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumenspan.media.domain import FileMark
from lumenspan.media.extract import Extraction, Limits

# Bytes whose base64 has every character of the alphabet, and its URL-safe form differs.
DATA = bytes(range(256)) * 2
BODY = base64.b64encode(DATA).decode()
URI = f"data:image/png;base64,{BODY}"
ID = FileMark.of("image/png", DATA).media_id
REFERENCE = f"@@@langfuseMedia:type=image/png|id={ID}|source=base64_data_uri@@@"


def made(limits: Limits | None = None) -> Extraction:
    return Extraction(limits or Limits(16, 1_000_000))


def extracted(text: str, limits: Limits | None = None) -> str:
    """The text after extraction; when it changed, DATA was found and nothing else."""
    extraction = made(limits)
    new = extraction.text(text)
    files = extraction.take()
    assert [file.data for file in files] == ([] if new is text else [DATA])
    return new


class TestDataUris:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", ""),
            ("look: ", " there"),
            ("![cat](", ") is a cat"),
            ('{"url":"', '"}'),
            ("<img src='", "'>"),
            ("(", "). And"),
            ("", ", more"),
            ("ü", "\n"),
            ("", "]"),
            ("", "}"),
            ("", ";"),
            ("", "?"),
            ("", "!"),
        ],
    )
    def test_are_replaced_wherever_they_are(self, before: str, after: str) -> None:
        assert extracted(before + URI + after) == before + REFERENCE + after

    @pytest.mark.parametrize("nesting", [1, 2, 3])
    def test_are_found_within_json_within_json(self, nesting: int) -> None:
        text, expected = f"\n{URI}\n", f"\n{REFERENCE}\n"
        for _ in range(nesting):
            text, expected = json.dumps({"text": text}), json.dumps({"text": expected})
        assert extracted(text) == expected

    def test_json_that_escapes_more_than_it_must_is_read(self) -> None:
        for escape in ({"/": "\\/"}, {"+": "\\u002B"}, {"=": "\\u003d"}, {"/": "\\/", "+": "\\u002b"}):
            text = json.dumps({"a": URI})
            for character, written in escape.items():
                text = text.replace(character, written)
            assert json.loads(text) == {"a": URI}
            assert json.loads(extracted(text)) == {"a": REFERENCE}

    def test_parameters_are_allowed_and_the_type_is_lowered(self) -> None:
        assert extracted(f"data:IMAGE/PNG;name=a.png;charset=utf-8;base64,{BODY}") == REFERENCE

    def test_missing_padding_is_allowed(self) -> None:
        for size in (100, 101, 102):
            extraction = made()
            body = base64.b64encode(DATA[:size]).decode().rstrip("=")
            extraction.text(f"data:image/png;base64,{body}")
            assert [file.data for file in extraction.take()] == [DATA[:size]]

    @pytest.mark.parametrize(
        "text",
        [
            f"metadata:image/png;base64,{BODY}",
            f"x-data:image/png;base64,{BODY}",
            f"data:image/png;base64,{BODY[:-3]}",
            f"data:image/png;base64,{BODY}=",
            f"data:image/png;base64,{BODY}%20",
            f"data:image/png;base64,{BODY}-_",
            f"data:image/png;base64,{BODY}~",
            f"data:image/x-unknown;base64,{BODY}",
            f"data:image/png;base64;{BODY}",
            f"data:image/png,{BODY}",
            f"data:;base64,{BODY}",
            f"DATA:image/png;base64,{BODY}",
            f"https://example.com/{BODY}",
            "data:image/png;base64,",
            REFERENCE * 3,
            ";base64," * 100,
            "data:" * 100,
        ],
    )
    def test_what_is_none_or_broken_stays(self, text: str) -> None:
        assert extracted(text) is text

    def test_sizes_within_the_limits_only(self) -> None:
        assert extracted(URI, Limits(512, 512)) == REFERENCE
        assert extracted(URI, Limits(513, 600)) is URI
        assert extracted(URI, Limits(1, 511)) is URI

    def test_each_file_is_found_once(self) -> None:
        other = f"data:audio/wav;base64,{base64.b64encode(b'w' * 40).decode()}"
        extraction = made()
        text = extraction.text(f"{URI} {other} {URI}")
        assert text.count(REFERENCE) == 2
        assert extraction.size_bytes == 512 + 40
        assert [file.data for file in extraction.take()] == [DATA, b"w" * 40]
        assert extraction.take() == []

    def test_again_changes_nothing(self) -> None:
        once = extracted(f"a {URI} b")
        assert extracted(once) is once

    @given(st.text(), st.binary(min_size=16, max_size=200), st.text())
    def test_what_is_around_stays(self, before: str, data: bytes, after: str) -> None:
        text = f"{before} data:image/gif;base64,{base64.b64encode(data).decode()} {after}"
        mark = FileMark.of("image/gif", data)
        reference = f"@@@langfuseMedia:type=image/gif|id={mark.media_id}|source=base64_data_uri@@@"
        assert made().text(text) == f"{before} {reference} {after}"

    def test_a_long_text_takes_linear_time(self) -> None:
        text = (
            ("data:" + "A" * 300) * 2_000 + ";base64," * 20_000 + "data:image/png;base64," + "A" * 4_000_001
        )
        assert extracted(text) is text


PARTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "base64", "media_type": "image/png", "data": BODY}, ["data"]),
    ({"type": "media", "mime_type": "image/png", "data": BODY}, ["data"]),
    ({"type": "blob", "modality": "image", "mime_type": "image/png", "content": BODY}, ["content"]),
    ({"type": "file", "mediaType": "image/png", "data": BODY}, ["data"]),
    ({"type": "file", "mediaType": "image/png", "image": BODY}, ["image"]),
    ({"inline_data": {"mime_type": "image/png", "data": BODY}}, ["inline_data", "data"]),
    ({"inlineData": {"mimeType": "image/png", "data": BODY}}, ["inlineData", "data"]),
]


def at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


class TestParts:
    @pytest.mark.parametrize(("part", "path"), PARTS)
    def test_of_each_provider_are_replaced(self, part: dict[str, Any], path: list[str]) -> None:
        tree = [{"role": "user", "content": [{"type": "text", "text": "ü"}, part]}]
        text = json.dumps(tree, indent=2)
        new = extracted(text)
        assert new == text.replace(BODY, REFERENCE), "nothing else is spelled anew"
        assert at(json.loads(new)[0]["content"][1], path) == REFERENCE

    def test_the_alphabet_for_urls_is_read(self) -> None:
        body = base64.urlsafe_b64encode(DATA).decode()
        assert body != BODY
        text = json.dumps({"inline_data": {"mime_type": "image/png", "data": body}})
        assert json.loads(extracted(text))["inline_data"]["data"] == REFERENCE

    def test_bytes_written_by_python_are_read(self) -> None:
        text = json.dumps({"type": "media", "mime_type": "image/png", "data": str(DATA)})
        expected = REFERENCE.replace("base64_data_uri", "bytes")
        assert json.loads(extracted(text))["data"] == expected

    def test_audio_of_openai(self) -> None:
        text = json.dumps([{"type": "input_audio", "input_audio": {"data": BODY, "format": "wav"}}])
        new = json.loads(extracted(text))
        assert new[0]["input_audio"]["data"].startswith("@@@langfuseMedia:type=audio/wav|")

    def test_the_same_file_twice_is_replaced_twice(self) -> None:
        part = {"type": "base64", "media_type": "image/png", "data": BODY}
        text = json.dumps([part, part])
        assert extracted(text) == text.replace(BODY, REFERENCE)

    def test_an_odd_spelling_is_replaced_all_the_same(self) -> None:
        text = json.dumps({"type": "base64", "media_type": "image/png", "n": 2**80, "data": BODY})
        odd = text.replace(BODY[:3], "".join(f"\\u{ord(character):04x}" for character in BODY[:3]))
        assert json.loads(extracted(odd)) == {**json.loads(text), "data": REFERENCE}

    @pytest.mark.parametrize(
        "part",
        [
            {"type": "base64", "media_type": "image/png", "data": BODY + "*"},
            {"type": "base64", "media_type": "image/png", "data": BODY[:-3]},
            {"type": "base64", "media_type": "image/x-unknown", "data": BODY},
            {"type": "base64", "data": BODY},
            {"type": "base64", "media_type": "image/png", "data": "https://example.com/" + "a" * 50},
            {"type": "base64", "media_type": "image/png", "data": REFERENCE},
            {"type": "base64", "media_type": "image/png", "data": "b'not \\x"},
            {"type": "base64", "media_type": 5, "data": [BODY]},
            {"type": ["base64"], "media_type": "image/png", "data": BODY},
            {"type": "text", "base64": "base64", "media_type": "image/png", "data": BODY},
            {"inline_data": BODY},
        ],
    )
    def test_what_is_none_or_broken_stays(self, part: dict[str, Any]) -> None:
        text = json.dumps(part)
        assert extracted(text) is text

    @pytest.mark.parametrize(
        "text", ["[" * 5_000 + '"base64"', '{"base64"' + "x" * 50, "[" * 50_000 + "]" * 50_000]
    )
    def test_what_is_no_json_stays(self, text: str) -> None:
        text += '"base64"'
        assert extracted(text) is text

    def test_a_text_without_a_long_string_is_not_parsed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def parse(text: str) -> None:
            raise AssertionError("parsed")

        monkeypatch.setattr("lumenspan.media.extract.json.loads", parse)
        text = '{"type":"file","data":[' + "1," * 5_000 + "1]}"
        assert extracted(text, Limits(1024, 10_000)) is text

    def test_ten_levels_and_no_more(self) -> None:
        part: Any = {"type": "base64", "media_type": "image/png", "data": BODY}
        for _ in range(10):
            part = [part]
        text = json.dumps(part)
        assert REFERENCE in extracted(text)
        assert extracted(json.dumps([part])) == json.dumps([part])


class TestFlat:
    def test_texts_and_flattened_parts_are_replaced(self) -> None:
        values = {
            "picture": f"see {URI}",
            "part.type": "base64",
            "part.media_type": "image/png",
            "part.data": BODY,
            "gemini.0.inline_data.mime_type": "image/png",
            "gemini.0.inline_data.data": BODY,
            "lonely.data": BODY,
            "type": "blob",
            "mime_type": "image/png",
            "content": BODY,
            "short": "x",
        }
        extraction = made()
        assert extraction.flat(values) == {
            "picture": f"see {REFERENCE}",
            "part.data": REFERENCE,
            "gemini.0.inline_data.data": REFERENCE,
            "content": REFERENCE,
        }
        assert [file.data for file in extraction.take()] == [DATA]
