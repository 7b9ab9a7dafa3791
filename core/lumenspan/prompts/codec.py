"""Prompts as the REST routes write them, and as lists sum them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from lumenspan.clock import datetime_to_iso
from lumenspan.prompts.domain import Prompt, PromptSummary, Resolution

Accepts = Callable[[Prompt], bool]


def to_row(prompt: Prompt) -> dict[str, Any]:
    """One version."""
    return {
        "id": prompt.id,
        "createdAt": datetime_to_iso(prompt.created_at),
        "updatedAt": datetime_to_iso(prompt.updated_at),
        "projectId": prompt.project_id,
        "createdBy": prompt.created_by,
        "prompt": prompt.prompt,
        "name": prompt.name,
        "version": prompt.version,
        "type": prompt.type,
        "isActive": prompt.is_active,
        "config": prompt.config,
        "tags": list(prompt.tags),
        "labels": list(prompt.labels),
        "commitMessage": prompt.commit_message,
    }


def to_graph(resolution: Resolution | None) -> dict[str, Any] | None:
    """What a prompt consists of."""
    if resolution is None:
        return None
    return {
        "root": _mark(resolution.root),
        "dependencies": {
            id_: [_mark(each) for each in found] for id_, found in resolution.dependencies.items()
        },
    }


def to_summary_row(summary: PromptSummary) -> dict[str, Any]:
    """One name of a list."""
    return {
        "name": summary.name,
        "type": summary.type,
        "versions": summary.versions,
        "labels": summary.labels,
        "tags": summary.tags,
        "lastUpdatedAt": datetime_to_iso(summary.last_updated_at),
        "lastConfig": summary.last_config,
    }


def summarized(prompts: Sequence[Prompt]) -> list[PromptSummary]:
    """One entry a name, from versions in order of name and version."""
    summaries = []
    for name, group in groupby(prompts, key=lambda prompt: prompt.name):
        versions = list(group)
        newest = versions[-1]
        summaries.append(
            PromptSummary(
                name=name,
                type=newest.type,
                versions=[each.version for each in versions],
                labels=sorted({label for each in versions for label in each.labels}),
                tags=sorted(newest.tags),
                last_updated_at=max(each.updated_at for each in versions),
                last_config=newest.config,
            )
        )
    return summaries


def _mark(prompt: Prompt) -> dict[str, Any]:
    return {"name": prompt.name, "version": prompt.version, "id": prompt.id}
