"""``/metrics`` of server and worker: what Prometheus reads, and who may."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lumenspan.settings import Settings
from lumenspan_server.app import create_app
from tests.conftest import ProjectAccess, Stack
from tests.support import eventually
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_worker_counts_what_it_stores(stack: Stack, project: ProjectAccess) -> None:
    url = f"http://127.0.0.1:{stack.env['LUMENSPAN_WORKER_PORT']}/metrics"
    async with httpx.AsyncClient(timeout=30) as http:
        before = samples((await http.get(url)).text)
        sent = await http.post(
            f"{stack.base_url}/api/public/otel/v1/traces", json=export(), headers=project.headers
        )
        assert sent.status_code == 200

        async def counted() -> bool:
            now = samples((await http.get(url)).text)
            key = ("lumenspan_ingest_rows_total", ("stored",))
            return now.get(key, 0) > before.get(key, 0)

        await eventually(counted)
        answer = await http.get(url)
        assert answer.headers["content-type"].startswith("text/plain")
        now = samples(answer.text)
        assert now["lumenspan_ingest_readable_seconds_count", ()] >= 1
        assert {labels for name, labels in now if name == "lumenspan_ingest_stage_seconds_count"} >= {
            ("insert",),
            ("map",),
            ("read",),
        }
        assert ("lumenspan_ingest_backlog_payloads", ("",)) in now
        assert (await http.post(url)).status_code == 405
        assert (await http.get(url.replace("/metrics", "/other"))).status_code == 404


async def test_a_server_shows_them_to_those_with_the_token_only(settings: Settings) -> None:
    with_token = settings.model_copy(update={"metrics_token": type(settings.salt)("a token")})
    for changed, expected in ((settings, (404, 404)), (with_token, (401, 200))):
        app: Any = create_app(changed)
        transport = httpx.ASGITransport(app=app)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            wrong = await http.get("/metrics", headers={"Authorization": "Bearer another"})
            right = await http.get("/metrics", headers={"Authorization": "Bearer a token"})
            assert (wrong.status_code, right.status_code) == expected
    assert ("lumenspan_ingest_pending_bytes", ()) in samples(right.text)
