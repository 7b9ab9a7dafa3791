"""A model that needs no network: the chat and embeddings calls of OpenAI's API, always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MODEL = "gpt-4o-mini-2024-07-18"
ANSWER = "It is sunny in Oslo."
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 12,
    "total_tokens": 52,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}
_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'},
}


def answer(path: str, body: dict[str, Any]) -> Any:
    """The JSON answer to a call, or an iterator of server-sent events where a stream was asked for."""
    if path.endswith("/embeddings"):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        return {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [
                {"object": "embedding", "index": i, "embedding": [0.1, 0.2]} for i in range(len(texts))
            ],
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        }
    message = _message(body)
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    if body.get("stream"):
        return _events(message, reason)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": USAGE,
    }


def _message(body: dict[str, Any]) -> dict[str, Any]:
    """A call of the first tool offered; once it was answered, or without tools, a sentence."""
    is_answered = any(message.get("role") == "tool" for message in body["messages"])
    if body.get("tools") and not is_answered:
        return {"role": "assistant", "content": None, "tool_calls": [_CALL]}
    return {"role": "assistant", "content": ANSWER}


def _events(message: dict[str, Any], reason: str) -> Iterator[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if message.get("tool_calls"):
        deltas.append({"tool_calls": [{"index": 0, **_CALL}]})
    else:
        deltas += [{"content": word} for word in ("It is ", "sunny in ", "Oslo.")]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    chunks.append({"choices": [], "usage": USAGE})
    for chunk in chunks:
        whole = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": MODEL,
            **chunk,
        }
        yield b"data: " + json.dumps(whole).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"
