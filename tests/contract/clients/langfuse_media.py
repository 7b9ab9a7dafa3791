"""A small application that sends files with the unmodified Langfuse SDK, and reads them back.

``langfuse_media.py send FILE`` sends the PNG as bytes, as a file and as a data URI, and prints the trace's
id. ``langfuse_media.py resolve TEXT`` prints the JSON text with its references resolved to data URIs.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, cast

from langfuse import get_client
from langfuse.media import LangfuseMedia


def send(path: str) -> dict[str, Any]:
    client = get_client()
    content = Path(path).read_bytes()
    picture = LangfuseMedia(content_bytes=content, content_type=cast(Any, "image/png"))
    with client.start_as_current_observation(name="look") as span:
        span.update(
            input={"question": "What is it?", "picture": picture},
            output=[{"type": "image_url", "image_url": {"url": _uri(content + b"2")}}],
            metadata={"again": LangfuseMedia(file_path=path, content_type=cast(Any, "image/png"))},
        )
        trace_id = client.get_current_trace_id()
    client.flush()
    return {"trace_id": trace_id, "media_id": picture._media_id}


def resolve(text: str) -> Any:
    client = get_client()
    return LangfuseMedia.resolve_media_references(
        obj=json.loads(text), langfuse_client=client, resolve_with="base64_data_uri"
    )


def _uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def main() -> None:
    what, argument = sys.argv[1:3]
    answer = send(argument) if what == "send" else resolve(argument)
    sys.stdout.write(json.dumps(answer))
    get_client().shutdown()


if __name__ == "__main__":
    main()
