"""What the pages of experiments and prompts show, and files within them, over HTTP."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest

from lumenspan.datasets.domain import ItemChange
from lumenspan.datasets.service import DatasetChange, RunItemGiven
from lumenspan.ids import ProjectId
from lumenspan.prompts.domain import NewPrompt, PromptType
from tests.conftest import ProjectAccess
from tests.contract.pages import NOW, browser, page, seed, words
from tests.factories.observations import SECOND_NS, insert, observation
from tests.factories.scores import insert_scores, score
from tests.integration.server.conftest import RunningServer

__all__ = ["browser"]


class TestExperiments:
    async def test_a_run(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        await seed(server, project)
        datasets, project_id = server.services.datasets, ProjectId(project.project_id)
        dataset = await datasets.save(project_id, DatasetChange(name="returns"))
        for number, (trace_id, observation_id) in enumerate(
            (("the-trace", "model"), ("the-trace", None), ("gone", None))
        ):
            item = await datasets.save_item(
                project_id,
                ItemChange("returns", input={"q": number}, expected_output=f"expected {number}"),
            )
            await datasets.add_run_item(project_id, RunItemGiven("v3", item.id, trace_id, observation_id))
        run = await datasets.run(project_id, "returns", "v3")
        await insert_scores(
            server.services.clickhouse,
            [score(project.project_id, dataset_run_id=run.id, name="mean", value=0.75)],
        )
        p = f"/project/{project.project_id}"
        markup = await page(browser, f"{p}/datasets/{dataset.id}/runs/{run.id}")
        text = words(markup)
        for expected in (
            "v3",
            "Items 3",
            "mean 0.75",
            "expected 0",
            "Thirty.",
            "thirty days",
            "gone is not there",
        ):
            assert expected in text, expected
        assert f"{p}/traces/the-trace?observation=model" in markup
        assert words(await page(browser, f"{p}/experiments/results", baseline=run.id)) == text
        assert "v3" in words(await page(browser, f"{p}/datasets/{dataset.id}"))
        await page(browser, f"{p}/datasets/other/runs/{run.id}", 404)

    async def test_an_experiment_that_was_sent_as_spans(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        rows = []
        for number in range(25):
            id_ = f"{number:016x}"
            row = observation(
                project.project_id,
                trace_id=f"t{number:02}",
                id=id_,
                start_time=NOW + number * SECOND_NS,
                input=f"input {number}",
                output=f"output {number}",
            )
            said = {
                "id": "0123456789abcdef",
                "name": "nightly",
                "description": "every night",
                "item.id": f"item {number}",
                "item.expected_output": f"expected {number}",
                "item.root_observation_id": id_,
            }
            rows.append(row | {"experiment": said})
        await insert(server.services.clickhouse, rows)
        await insert_scores(
            server.services.clickhouse,
            [score(project.project_id, trace_id="t24", observation_id=f"{24:016x}", name="exact", value=1)],
        )
        path = f"/project/{project.project_id}/experiments/results"
        markup = await page(browser, path, baseline="0123456789abcdef")
        text = words(markup)
        for expected in (
            "nightly",
            "every night",
            "item 24",
            "input 24",
            "expected 24",
            "output 24",
            "exact 1",
        ):
            assert expected in text, expected
        following = re.search(r'<a href="([^"]+)" rel="next"', markup)
        assert following is not None
        seen = re.findall(r"output \d+", text + words(await page(browser, unescape(following[1]))))
        assert seen == [f"output {number}" for number in reversed(range(25))]


class TestPrompt:
    async def test_versions(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        project_id = ProjectId(project.project_id)
        body = [
            {"role": "system", "content": "You know {{policy}}."},
            {"type": "placeholder", "name": "history"},
        ]
        for labels in (("production",), ()):
            await server.services.prompts.create(
                project_id,
                NewPrompt(
                    "support/answer", PromptType.CHAT, body, labels, ("beta",), {"model": "gpt-4o"}, "why"
                ),
            )
        path = f"/project/{project.project_id}/prompts/support%2Fanswer"
        text = words(await page(browser, path))
        for expected in (
            "version 1",
            "production",
            "system You know {{policy}}.",
            "placeholder history",
            "gpt-4o",
            "why",
            "2 1",
        ):
            assert expected in text, expected
        assert "version 2" in words(await page(browser, path, version=2))
        assert "version 2" in words(await page(browser, path, label="latest"))
        await page(browser, path, 404, version=3)


class TestMedia:
    async def test_files_are_shown_or_linked(
        self, server: RunningServer, project: ProjectAccess, browser: httpx.AsyncClient
    ) -> None:
        from lumenspan.media.domain import FileMark
        from lumenspan.media.extract import File

        media = server.services.media
        if not media.is_enabled:
            pytest.skip("there is no bucket for media")
        marks = {
            kind: FileMark.of(kind, kind.encode()) for kind in ("image/png", "application/pdf", "audio/wav")
        }
        files = [File(mark, kind.encode()) for kind, mark in marks.items()]
        await media.keep(ProjectId(project.project_id), files, [])
        ids = [mark.media_id for mark in marks.values()] + ["absent"]
        references = [f"@@@langfuseMedia:type=image/png|id={id_}|source=bytes@@@" for id_ in ids]
        row = observation(
            project.project_id,
            trace_id="files",
            input=" and ".join(references),
            output=json.dumps({"all": references}),
        )
        await insert(server.services.clickhouse, [row])
        answer = await browser.get(f"/project/{project.project_id}/traces/files")
        shown = re.findall(r'<img src="([^"]+)"', answer.text)
        assert len(shown) == 2
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(shown[0]))
        assert f"img-src 'self' data: {origin};" in answer.headers["content-security-policy"]
        assert len(re.findall(r'<audio controls preload="none" src="', answer.text)) == 2
        assert "application/pdf · 15 bytes" in words(answer.text)
        assert "image/png · not available" in words(answer.text)
        async with httpx.AsyncClient() as client:
            assert (await client.get(unescape(shown[0]))).content == b"image/png"
