"""The media routes, with an unmodified SDK and by hand, against the running server and worker."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ProjectAccess, Stack
from tests.support import wait_until
from tests.unit.ingest.build import export

pytestmark = pytest.mark.engines

_CLIENT = Path(__file__).parent / "clients" / "langfuse_media.py"
_TRACE = """
query Trace($project: ID!, $trace: ID!) {
  project(id: $project) {
    trace(id: $trace) { observations(first: 1) { edges { node { input output metadata } } } }
  }
}
"""
OTLP_TRACE = "0af7651916cd43dd8448eb211c80319c"


def run_client(stack: Stack, access: ProjectAccess, *arguments: str) -> Any:
    env = {
        **os.environ,
        "LANGFUSE_PUBLIC_KEY": access.public_key,
        "LANGFUSE_SECRET_KEY": access.secret_key,
        "LANGFUSE_BASE_URL": stack.base_url,
    }
    done = subprocess.run(
        [sys.executable, str(_CLIENT), *arguments], env=env, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"rror" not in done.stderr, done.stderr.decode()
    return json.loads(done.stdout)


def observation(stack: Stack, access: ProjectAccess, trace_id: str) -> dict[str, Any]:
    """The first observation of the trace, once it is readable."""

    def found() -> dict[str, Any] | None:
        body = {"query": _TRACE, "variables": {"project": access.project_id, "trace": trace_id}}
        answer = httpx.post(f"{stack.base_url}/graphql", json=body, headers=access.headers, timeout=20)
        trace = answer.json()["data"]["project"]["trace"]
        edges: list[dict[str, dict[str, Any]]] = trace["observations"]["edges"] if trace else []
        return edges[0]["node"] if edges else None

    node = wait_until(found, timeout_s=30)
    assert node
    return node


def call(
    stack: Stack, access: ProjectAccess, method: str, path: str = "", body: Any = None
) -> httpx.Response:
    return httpx.request(
        method, f"{stack.base_url}/api/public/media{path}", json=body, headers=access.headers, timeout=20
    )


def wish(data: bytes, **changes: Any) -> dict[str, Any]:
    body = {
        "traceId": "t",
        "observationId": None,
        "contentType": "image/png",
        "contentLength": len(data),
        "sha256Hash": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        "field": "input",
    } | changes
    return {name: value for name, value in body.items() if value is not ...}


class TestSdk:
    def test_files_are_uploaded_referred_to_and_read_back(
        self, stack: Stack, project: ProjectAccess, tmp_path: Path
    ) -> None:
        content = os.urandom(5_000)
        (tmp_path / "picture.png").write_bytes(content)
        sent = run_client(stack, project, "send", str(tmp_path / "picture.png"))
        row = observation(stack, project, sent["trace_id"])
        given = json.loads(row["input"])
        reference = f"@@@langfuseMedia:type=image/png|id={sent['media_id']}|source=bytes@@@"
        assert given == {"question": "What is it?", "picture": reference}
        assert row["metadata"]["again"] == reference.replace("bytes", "file")
        answered = json.loads(row["output"])
        assert answered[0]["image_url"]["url"].endswith("|source=base64_data_uri@@@")

        everything = json.dumps([given, answered, row["metadata"]["again"]])
        resolved = run_client(stack, project, "resolve", everything)
        uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        assert resolved[0]["picture"] == resolved[2] == uri
        assert base64.b64decode(resolved[1][0]["image_url"]["url"].split(",")[1]) == content + b"2"


class TestExtraction:
    def test_files_in_payloads_are_put_aside_by_the_worker(
        self, stack: Stack, project: ProjectAccess
    ) -> None:
        content = os.urandom(5_000)
        uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        answer = httpx.post(
            f"{stack.base_url}/api/public/otel/v1/traces",
            json=export({"input.value": json.dumps({"image": uri}), "output.value": "a cat"}),
            headers=project.headers,
            timeout=20,
        )
        assert answer.status_code == 200
        row = observation(stack, project, OTLP_TRACE)
        reference = json.loads(row["input"])["image"]
        assert reference.startswith("@@@langfuseMedia:type=image/png|id=")
        assert row["output"] == "a cat"
        assert run_client(stack, project, "resolve", row["input"]) == {"image": uri}


class TestRoutes:
    def test_upload_report_and_download(self, stack: Stack, project: ProjectAccess) -> None:
        data = os.urandom(100)
        body = wish(data)
        asked = call(stack, project, "POST", body=body)
        assert asked.status_code == 201
        media_id = body["sha256Hash"][:22].replace("+", "-").replace("/", "_")
        assert asked.json() == {"mediaId": media_id, "uploadUrl": asked.json()["uploadUrl"]}
        assert call(stack, project, "GET", f"/{media_id}").status_code == 404

        headers = {"Content-Type": "image/png", "x-amz-checksum-sha256": body["sha256Hash"]}
        assert httpx.put(asked.json()["uploadUrl"], content=data, headers=headers).status_code == 200
        report = {
            "uploadedAt": "2026-01-02T03:04:05.678901+02:00",
            "uploadHttpStatus": 200,
            "uploadHttpError": None,
            "uploadTimeMs": 12,
        }
        done = call(stack, project, "PATCH", f"/{media_id}", report)
        assert (done.status_code, done.json()) == (200, {"message": "OK"})

        found = call(stack, project, "GET", f"/{media_id}").json()
        assert found == {
            "mediaId": media_id,
            "contentType": "image/png",
            "contentLength": 100,
            "uploadedAt": "2026-01-02T01:04:05.678Z",
            "url": found["url"],
            "urlExpiry": found["urlExpiry"],
        }
        assert found["urlExpiry"].endswith("Z")
        assert httpx.get(found["url"]).content == data
        again = call(stack, project, "POST", body=wish(data, observationId="o", field="metadata"))
        assert (again.status_code, again.json()) == (201, {"mediaId": media_id, "uploadUrl": None})

    def test_a_failed_upload_is_not_found_and_may_be_repeated(
        self, stack: Stack, project: ProjectAccess
    ) -> None:
        body = wish(os.urandom(100))
        media_id = call(stack, project, "POST", body=body).json()["mediaId"]
        report = {"uploadedAt": "2026-01-02T03:04:05Z", "uploadHttpStatus": 403, "uploadHttpError": "no\0"}
        assert call(stack, project, "PATCH", f"/{media_id}", report).status_code == 200
        assert call(stack, project, "GET", f"/{media_id}").status_code == 404
        assert call(stack, project, "POST", body=body).json()["uploadUrl"]

    def test_another_project_finds_nothing(
        self, stack: Stack, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        media_id = call(stack, project, "POST", body=wish(os.urandom(100))).json()["mediaId"]
        report = {"uploadedAt": "2026-01-02T03:04:05Z", "uploadHttpStatus": 200}
        assert call(stack, other_project, "PATCH", f"/{media_id}", report).status_code == 404
        assert call(stack, project, "PATCH", f"/{media_id}", report).status_code == 200
        missing = call(stack, other_project, "GET", f"/{media_id}")
        assert (missing.status_code, missing.json()["error"]) == (404, "LangfuseNotFoundError")

    @pytest.mark.parametrize("field", ["input", "expectedOutput", "metadata"])
    def test_a_dataset_item_may_refer_to_a_file(
        self, stack: Stack, project: ProjectAccess, field: str
    ) -> None:
        place = {"traceId": None, "datasetId": "set", "datasetItemId": "item", "field": field}
        answer = call(stack, project, "POST", body=wish(os.urandom(100), **place))
        assert answer.status_code == 201

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"contentType": "image/x-unknown"}, ["contentType"]),
            ({"contentType": ...}, ["contentType"]),
            ({"contentLength": 0}, ["contentLength"]),
            ({"contentLength": "100"}, ["contentLength"]),
            ({"contentLength": 2**64}, ["contentLength"]),
            ({"sha256Hash": "a" * 64}, ["sha256Hash"]),
            ({"sha256Hash": "A" * 42 + "B="}, ["sha256Hash"]),
            ({"field": "content"}, ["field"]),
            ({"field": ...}, ["field"]),
            ({"field": "expectedOutput"}, ["field"]),
            ({"traceId": None}, []),
            ({"traceId": ""}, ["traceId"]),
            ({"traceId": "t" * 2_049}, ["traceId"]),
            ({"traceId": None, "observationId": "o"}, ["traceId"]),
            ({"traceId": None, "datasetId": "d"}, []),
            ({"datasetId": "d", "datasetItemId": "i"}, []),
            ({"traceId": None, "datasetId": "d", "datasetItemId": "i", "field": "output"}, ["field"]),
        ],
    )
    def test_what_does_not_fit_is_400_and_says_where(
        self, stack: Stack, project: ProjectAccess, changes: dict[str, Any], path: list[str]
    ) -> None:
        answer = call(stack, project, "POST", body=wish(b"x" * 100, **changes))
        assert answer.status_code == 400
        body = answer.json()
        assert body["message"] == "Invalid request data"
        assert [issue["path"] for issue in body["error"]] == [path]

    def test_a_file_over_the_limit_is_400(self, stack: Stack, project: ProjectAccess) -> None:
        answer = call(stack, project, "POST", body=wish(b"x", contentLength=1_000_000_001))
        assert answer.status_code == 400
        assert "1000000000" in answer.json()["message"]

    @pytest.mark.parametrize(
        "body", [{}, {"uploadedAt": "yesterday", "uploadHttpStatus": 200}, {"uploadHttpStatus": "200"}, []]
    )
    def test_a_report_that_does_not_fit_is_400(
        self, stack: Stack, project: ProjectAccess, body: Any
    ) -> None:
        assert call(stack, project, "PATCH", f"/{'A' * 22}", body).status_code == 400

    def test_who_has_no_key_is_refused(self, stack: Stack, project: ProjectAccess) -> None:
        url = f"{stack.base_url}/api/public/media"
        public = {"Authorization": f"Bearer {project.public_key}"}
        for method, path, body in (
            ("POST", "", wish(b"x")),
            ("GET", f"/{'A' * 22}", None),
            ("PATCH", f"/{'A' * 22}", {}),
        ):
            assert httpx.request(method, url + path, json=body).status_code == 401
            assert httpx.request(method, url + path, json=body, headers=public).status_code in (401, 403)

    def test_a_name_that_cannot_be_stored_is_400(self, stack: Stack, project: ProjectAccess) -> None:
        answer = call(stack, project, "POST", body=wish(b"x" * 100, traceId="a\0b"))
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequestError")

    def test_a_body_that_is_no_json_is_400(self, stack: Stack, project: ProjectAccess) -> None:
        answer = httpx.post(f"{stack.base_url}/api/public/media", content=b"{", headers=project.headers)
        assert answer.status_code == 400
