"""What is done to observations of spans before they are written is done to those of events, too."""

from __future__ import annotations

import orjson
import pytest

from lumenspan.clock import now_nanos
from lumenspan.ids import ProjectId
from lumenspan.ingest.envelope import Frame, FrameHeader, pack
from lumenspan.ingest.events.frame import EVENTS, Events, encode
from lumenspan.ingest.keys import make_key
from lumenspan.ingest.service import IngestService
from lumenspan.media.payloads import PayloadMedia
from lumenspan.media.service import MediaService
from lumenspan.observations.service import ObservationService
from lumenspan.traces.service import TraceService
from tests.conftest import ProjectAccess
from tests.integration.ingest.conftest import Clients
from tests.integration.media.test_payloads import reference, uri
from tests.unit.ingest_events.build import event

pytestmark = pytest.mark.engines

DATA = bytes(range(256)) * 40


async def test_files_in_events_become_references(clients: Clients, project: ProjectAccess) -> None:
    settings = clients.settings.model_copy(
        update={"is_media_extracted": True, "media_extract_min_bytes": 1_000}
    )
    media = MediaService(clients.postgres, settings)
    ingest = IngestService(
        clients.clickhouse,
        clients.blobs,
        clients.redis,
        clients.registry,
        settings,
        PayloadMedia(media, settings),
    )
    picture = {"image": uri(DATA)}
    events = [
        event("trace-create", 0, {"id": "t", "input": picture, "metadata": picture}),
        event("span-create", 1, {"id": "s", "traceId": "t", "output": picture, "metadata": {"k": 1}}),
    ]
    project_id = ProjectId(project.project_id)
    key = make_key(settings.s3_prefix, project_id, now_nanos())
    header = FrameHeader(project_id, EVENTS, now_nanos())
    await clients.blobs.put(key, pack([Frame(header, encode(Events(events)))]))
    for _ in range(2):
        assert await ingest.process(key) == 2
    await media.close()

    traces = TraceService(clients.clickhouse)
    trace = await traces.get(project_id, "t")
    assert trace is not None
    expected = {"image": reference(DATA)}
    assert orjson.loads((await traces.texts(project_id, [trace.key]))[trace.id].input or "") == expected
    assert (await traces.metadata(project_id, [trace.key]))[trace.id] == expected
    observations = ObservationService(clients.clickhouse, TraceService(clients.clickhouse))
    (texts,) = (await observations.texts(project_id, [trace.key], ["s"])).values()
    assert orjson.loads(texts.output or "") == expected
    (span,) = (await observations.pages(project_id, [trace.key], 10))[trace.id].observations
    assert span.metadata == {"k": "1"}


async def test_a_damaged_frame_leaves_the_others_of_its_payload_alone(
    clients: Clients, project: ProjectAccess
) -> None:
    project_id = ProjectId(project.project_id)
    key = make_key(clients.settings.s3_prefix, project_id, now_nanos())
    header = FrameHeader(project_id, EVENTS, now_nanos())
    whole = encode(Events([event("trace-create", 0, {"id": "t"})]))
    await clients.blobs.put(key, pack([Frame(header, b"{"), Frame(header, whole)]))
    assert await clients.service.process(key) == 1
    assert await TraceService(clients.clickhouse).get(project_id, "t") is not None
