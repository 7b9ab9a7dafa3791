"""A small application that manages prompts with the unmodified Langfuse SDK; prints what it saw."""

from __future__ import annotations

import json
import sys
from typing import Any

from langfuse import get_client


def main() -> dict[str, Any]:
    client = get_client()
    client.create_prompt(name="base", prompt="You are {{who}}.", labels=["production"])
    client.create_prompt(
        name="team/answer",
        prompt="@@@langfusePrompt:name=base|label=production@@@ Answer {{question}}",
        labels=["production"],
        tags=["support"],
        config={"model": "m"},
        commit_message="first",
    )
    text = client.get_prompt("team/answer", cache_ttl_seconds=0)
    client.create_prompt(
        name="talk",
        type="chat",
        prompt=[
            {"role": "system", "content": "Be {{tone}}."},
            {"type": "placeholder", "name": "history"},  # type: ignore[list-item]
        ],
    )
    chat = client.get_prompt("talk", type="chat", label="latest", cache_ttl_seconds=0)
    client.create_prompt(name="team/answer", prompt="Second")
    client.update_prompt(name="team/answer", version=2, new_labels=["staging"])
    staged = client.get_prompt("team/answer", label="staging", cache_ttl_seconds=0)
    fallback = client.get_prompt("nobody", fallback="instead", max_retries=0)
    listed = client.api.prompts.list(tag="support")
    return {
        "text": text.compile(who="Ann", question="it"),
        "config": text.config,
        "commit": text.commit_message,
        "labels": sorted(text.labels),
        "chat": chat.compile(tone="kind", history=[{"role": "user", "content": "hi"}]),
        "staged": [staged.version, staged.prompt],
        "fallback": [fallback.prompt, fallback.is_fallback],
        "listed": [[each.name, each.versions] for each in listed.data],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
