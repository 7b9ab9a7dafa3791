"""``/api/public/unstable/skills``: versions, files, labels and tags."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import httpx
import pytest
from langfuse.api import LangfuseAPI
from langfuse.api.unstable.skills.types.skill_version_file_input import SkillVersionFileInput
from langfuse.api.unstable.skills.types.skill_version_file_reference import SkillVersionFileReference

from tests.conftest import ProjectAccess
from tests.integration.server.conftest import RunningServer

ROUTE = "/api/public/unstable/skills"
SHAPE = {
    "id", "createdAt", "updatedAt", "projectId", "createdBy", "name", "description", "frontmatter",
    "version", "tags", "labels", "commitMessage", "files",
}  # fmt: skip


def skill_md(name: str = "pdf", description: str = "Reads PDF files", more: str = "") -> str:
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n# How\n"


def hash_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


async def call(
    server: RunningServer, project: ProjectAccess, method: str, path: str = "", **options: Any
) -> httpx.Response:
    return await server.client.request(method, ROUTE + path, headers=project.headers, **options)


async def made(
    server: RunningServer, project: ProjectAccess, header: str | None = None, *files: Any, **more: Any
) -> dict[str, Any]:
    every = [{"path": "SKILL.md", "content": skill_md() if header is None else header}, *files]
    answer = await call(server, project, "POST", json={"files": every} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def label(
    server: RunningServer, project: ProjectAccess, version: int, *labels: str, name: str = "pdf"
) -> httpx.Response:
    path = f"/{name}/versions/{version}"
    return await call(server, project, "PATCH", path, json={"labels": list(labels)})


async def blob_count(server: RunningServer, project: ProjectAccess) -> int:
    from sqlalchemy import func, select
    from sqlmodel import col

    from lumenspan.skills.tables import SkillBlobRow

    counted = select(func.count()).where(col(SkillBlobRow.project_id) == project.project_id)
    async with server.services.postgres.session() as session:
        return (await session.execute(counted)).scalar_one()


class TestVersions:
    async def test_one_comes_back_with_what_its_header_says(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        header = skill_md(more="license: MIT\nsince: 2026-01-02\nallowed: [a, 1]\n")
        text = "print('ä')\0"
        found = await made(
            server, project, header, {"path": "scripts/run.py", "content": text}, commitMessage="first"
        )
        assert set(found) == SHAPE
        assert (found["name"], found["description"], found["version"]) == ("pdf", "Reads PDF files", 1)
        assert found["frontmatter"] == {
            "name": "pdf",
            "description": "Reads PDF files",
            "license": "MIT",
            "since": "2026-01-02",
            "allowed": ["a", 1],
        }
        assert (found["labels"], found["tags"], found["commitMessage"]) == (["latest"], [], "first")
        assert (found["projectId"], found["createdBy"]) == (project.project_id, "API")
        first, second = found["files"]
        assert set(first) == {"id", "path", "blobId", "sha256Hash", "contentType", "contentLength"}
        assert (first["path"], first["contentType"]) == ("SKILL.md", "text/markdown")
        assert (second["path"], second["sha256Hash"]) == ("scripts/run.py", hash_of(text))
        assert (second["contentType"], second["contentLength"]) == ("text/x-python", len(text.encode()))
        read = await call(server, project, "GET", "/pdf", params={"version": 1})
        assert read.json() == found
        contents = await call(
            server, project, "GET", "/files/content", params={"sha256Hashes": f"{second['sha256Hash']}"}
        )
        assert contents.json() == {"data": [{"sha256Hash": hash_of(text), "content": text}]}

    async def test_texts_are_stored_once_and_go_with_their_last_version(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        shared = "the same text"
        await made(
            server, project, None, {"path": "a", "content": shared}, {"path": "b", "content": shared}
        )
        assert await blob_count(server, project) == 2
        second = await made(server, project, None, {"path": "c", "sha256Hash": hash_of(shared)})
        assert second["version"] == 2
        assert await blob_count(server, project) == 2
        again = await call(
            server,
            project,
            "POST",
            json={"files": [{"path": "SKILL.md", "sha256Hash": hash_of(skill_md())}]},
        )
        assert (again.status_code, again.json()["version"], again.json()["name"]) == (200, 3, "pdf")
        for version in (1, 2):
            gone = await call(server, project, "DELETE", f"/pdf/versions/{version}")
            assert (gone.status_code, gone.json()) == (200, {"deleted": True})
        assert await blob_count(server, project) == 1
        assert (await made(server, project))["version"] == 4
        for version in (3, 4):
            await call(server, project, "DELETE", f"/pdf/versions/{version}")
        assert await blob_count(server, project) == 0
        assert (await call(server, project, "GET", "/pdf", params={"label": "latest"})).status_code == 404
        assert (await made(server, project))["version"] == 1

    async def test_the_number_of_a_deleted_version_does_not_come_again(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await made(server, project)
        await made(server, project)
        await call(server, project, "DELETE", "/pdf/versions/2")
        latest = await call(server, project, "GET", "/pdf", params={"label": "latest"})
        assert latest.json()["version"] == 1
        assert (await made(server, project))["version"] == 3

    async def test_at_the_same_time_each_gets_a_number_of_its_own(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        found = await asyncio.gather(*(made(server, project) for _ in range(8)))
        assert sorted(each["version"] for each in found) == list(range(1, 9))


class TestLabelsAndTags:
    async def test_labels_are_replaced_and_move(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await made(server, project)
        await made(server, project)
        assert (await call(server, project, "GET", "/pdf")).status_code == 404
        first = (await label(server, project, 1, "production", "a")).json()
        assert first["labels"] == ["production", "a"]
        assert (await call(server, project, "GET", "/pdf")).json() == first
        second = (await label(server, project, 2, "production", "latest")).json()
        assert (second["version"], second["labels"]) == (2, ["production", "latest"])
        left = await call(server, project, "GET", "/pdf", params={"label": "a"})
        assert (left.json()["version"], left.json()["labels"]) == (1, ["a"])
        assert (await label(server, project, 1)).json()["labels"] == []
        for wrong in (("latest",), ("UPPER",), ("",), ("x" * 37,), ("a\0",)):
            refused = await label(server, project, 1, *wrong)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_body")
        assert (await label(server, project, 9, "a")).status_code == 404
        assert (await label(server, project, 1, "a", name="other")).status_code == 404

    async def test_tags_are_those_of_all_versions(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await made(server, project)
        await made(server, project)
        newest = (await call(server, project, "PATCH", "/pdf", json={"tags": ["t", "u", "t"]})).json()
        assert (newest["version"], newest["tags"]) == (2, ["t", "u"])
        first = (await call(server, project, "GET", "/pdf", params={"version": 1})).json()
        assert first["tags"] == ["t", "u"]
        assert (await made(server, project))["tags"] == ["t", "u"]
        assert (await call(server, project, "PATCH", "/pdf", json={"tags": []})).json()["tags"] == []
        for wrong in ([""], ["\0"], ["x" * 101], "t", None):
            refused = await call(server, project, "PATCH", "/pdf", json={"tags": wrong})
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_body")


class TestLists:
    async def test_one_entry_a_skill(self, server: RunningServer, project: ProjectAccess) -> None:
        await made(server, project)
        newest = await made(server, project, skill_md(description="Writes 100% of PDF"))
        await made(server, project, skill_md("csv", "Reads tables"))
        await label(server, project, 1, "production")
        newest = (await call(server, project, "PATCH", "/pdf", json={"tags": ["t"]})).json()
        page = (await call(server, project, "GET", params={"limit": 1, "page": 2})).json()
        assert page["meta"] == {
            "page": 2,
            "limit": 1,
            "totalItems": 2,
            "totalPages": 2,
            "hasNextPage": False,
        }
        assert page["data"] == [
            {
                "name": "pdf",
                "description": "Writes 100% of PDF",
                "tags": ["t"],
                "latestVersion": 2,
                "latestVersionCreatedAt": newest["createdAt"],
                "latestVersionLastUpdatedAt": newest["updatedAt"],
                "productionVersion": 1,
            }
        ]

    @pytest.mark.parametrize(
        ("params", "names"),
        [
            ({}, ["csv", "pdf"]),
            ({"name": "pdf"}, ["pdf"]),
            ({"name": "PDF"}, []),
            ({"search": "READS"}, ["csv", "pdf"]),
            ({"search": "CsV"}, ["csv"]),
            ({"search": "%"}, []),
            ({"search": "_"}, []),
            ({"tag": "t"}, ["csv"]),
            ({"fromUpdatedAt": "2020-01-01T00:00:00Z"}, ["csv", "pdf"]),
            ({"toUpdatedAt": "2020-01-01T00:00:00Z"}, []),
            ({"page": "1000000"}, []),
        ],
    )
    async def test_filters(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str], names: list[str]
    ) -> None:
        await made(server, project)
        await made(server, project, skill_md("csv", "Reads tables"))
        await call(server, project, "PATCH", "/csv", json={"tags": ["t", "u"]})
        page = (await call(server, project, "GET", params=params)).json()
        assert [each["name"] for each in page["data"]] == names

    @pytest.mark.parametrize(
        "params",
        [{"page": "0"}, {"page": str(10**12)}, {"limit": "1000"}, {"fromUpdatedAt": "2020-01-01T00:00:00"}],
    )
    async def test_queries_that_do_not_fit(
        self, server: RunningServer, project: ProjectAccess, params: dict[str, str]
    ) -> None:
        answer = await call(server, project, "GET", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")


class TestContents:
    async def test_in_the_order_that_is_asked_for(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        await made(server, project, None, *({"path": f"{at}", "content": f"text {at}"} for at in range(3)))
        hashes = [hash_of(f"text {at}") for at in (2, 0, 1, 2)]
        found = await call(
            server, project, "GET", "/files/content", params={"sha256Hashes": ",".join(hashes)}
        )
        assert [each["content"] for each in found.json()["data"]] == ["text 2", "text 0", "text 1"]

    async def test_hashes_that_are_none_too_many_or_unknown(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await made(server, project)
        for wrong in ("x", hash_of("a")[:-1], ",", ",".join(hash_of(f"{at}") for at in range(51)), "\0"):
            answer = await call(server, project, "GET", "/files/content", params={"sha256Hashes": wrong})
            assert answer.status_code == 400, wrong
        assert (await call(server, project, "GET", "/files/content")).json()["code"] == "invalid_query"
        foreign = await call(
            server, other_project, "GET", "/files/content", params={"sha256Hashes": hash_of(skill_md())}
        )
        assert (foreign.status_code, foreign.json()["code"]) == (404, "resource_not_found")


HEADERS = [
    "",
    "# no header",
    "---\nname: pdf\n---\n",
    "---\ndescription: d\n---\n",
    "---\nname: pdf\ndescription: ''\n---\n",
    "---\nname: ../etc\ndescription: d\n---\n",
    "---\nname: a/b\ndescription: d\n---\n",
    "---\n- a\n---\n",
    "---\nname: [\n---\n",
    "---\na: &x [1]\nb: *x\nname: pdf\ndescription: d\n---\n",
    "---\nname: pdf\ndescription: d\nx: " + "[" * 200 + "]" * 200 + "\n---\n",
    "---\nname: pdf\ndescription: d\nx: !!python/name:os.system ''\n---\n",
    "---\nname: pdf\ndescription: d\n",
    "---\nname: pdf\ndescription: d\nx: " + "y" * 40_000 + "\n---\n",
]


class TestRefusals:
    @pytest.mark.parametrize("header", HEADERS)
    async def test_headers_that_cannot_be_read(
        self, server: RunningServer, project: ProjectAccess, header: str
    ) -> None:
        answer = await call(
            server, project, "POST", json={"files": [{"path": "SKILL.md", "content": header}]}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
        assert (await call(server, project, "GET")).json()["data"] == []
        assert await blob_count(server, project) == 0

    @pytest.mark.parametrize(
        "file",
        [
            {"path": "../x", "content": ""},
            {"path": "/x", "content": ""},
            {"path": "a//b", "content": ""},
            {"path": "a\\b", "content": ""},
            {"path": "", "content": ""},
            {"path": "x\0", "content": ""},
            {"path": "x" * 1_000, "content": ""},
            {"path": "SKILL.md", "content": "twice"},
            {"path": "x", "content": "y" * ((1 << 20) + 1)},
            {"path": "x", "sha256Hash": hash_of("never sent")},
            {"path": "x", "sha256Hash": "x"},
            {"path": "x"},
            {"path": "x", "content": "", "sha256Hash": hash_of("")},
            {"path": "x", "content": "", "mode": 7},
            {"path": 1, "content": ""},
        ],
    )
    async def test_files_that_cannot_be(
        self, server: RunningServer, project: ProjectAccess, file: dict[str, Any]
    ) -> None:
        files = [{"path": "SKILL.md", "content": skill_md()}, file]
        answer = await call(server, project, "POST", json={"files": files})
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] in ("invalid_body", "invalid_request")
        assert (await call(server, project, "GET")).json()["data"] == []

    async def test_bodies_that_cannot_be(self, server: RunningServer, project: ProjectAccess) -> None:
        header = {"path": "SKILL.md", "content": skill_md()}
        wrong: list[dict[str, Any]] = [
            {},
            {"files": []},
            {"files": [{"path": "README.md", "content": skill_md()}]},
            {"files": [header, *({"path": f"{at}", "content": ""} for at in range(200))]},
            {"files": [header, *({"path": f"{at}", "content": "x" * 1_000_000} for at in range(9))]},
            {"files": [header], "commitMessage": "x" * 501},
            {"files": [header], "commitMessage": "\0"},
        ]
        for body in wrong:
            answer = await call(server, project, "POST", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body"), answer.text

    async def test_versions_that_nobody_has(self, server: RunningServer, project: ProjectAccess) -> None:
        await made(server, project)
        both = await call(server, project, "GET", "/pdf", params={"version": 1, "label": "latest"})
        assert (both.status_code, both.json()["code"]) == (400, "invalid_request")
        for wrong in ("0", "x", str(10**12)):
            answer = await call(server, project, "GET", "/pdf", params={"version": wrong})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
        for path in ("/pdf/versions/9", f"/pdf/versions/{10**12}", "/nobody/versions/1", "/pdf/versions/x"):
            assert (await call(server, project, "DELETE", path)).status_code == 404
        for name in ("x" * 10_000, "%00", "%FF"):
            assert (await call(server, project, "GET", f"/{name}")).status_code in (400, 404)
        answer = await call(server, project, "PUT", "/pdf", json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")

    async def test_nobody_else_reaches_them(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        await made(server, project)
        await label(server, project, 1, "production")
        assert (await call(server, other_project, "GET")).json()["data"] == []
        assert (await call(server, other_project, "GET", "/pdf")).status_code == 404
        assert (await call(server, other_project, "PATCH", "/pdf", json={"tags": []})).status_code == 404
        assert (await label(server, other_project, 1, "a")).status_code == 404
        assert (await call(server, other_project, "DELETE", "/pdf/versions/1")).status_code == 404
        files = [
            {"path": "SKILL.md", "content": skill_md(description="other")},
            {"path": "x", "sha256Hash": hash_of(skill_md())},
        ]
        stolen = await call(server, other_project, "POST", json={"files": files})
        assert (stolen.status_code, stolen.json()["code"]) == (400, "invalid_body")
        assert (await call(server, project, "GET", "/pdf")).json()["labels"] == ["production", "latest"]

    async def test_keys_that_are_not_enough(self, server: RunningServer, project: ProjectAccess) -> None:
        bearer = {"Authorization": f"Bearer {project.public_key}"}
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("GET", "/files/content"),
            ("GET", "/x"),
            ("PATCH", "/x"),
            ("PATCH", "/x/versions/1"),
            ("DELETE", "/x/versions/1"),
        ):
            denied = await server.client.request(method, ROUTE + path, headers=bearer, json={})
            assert (denied.status_code, denied.json()["code"]) == (403, "access_denied")
            unknown = await server.client.request(method, ROUTE + path, json={})
            assert (unknown.status_code, unknown.json()["code"]) == (401, "authentication_failed")


async def test_the_python_client_reads_and_writes_them(
    server: RunningServer, project: ProjectAccess
) -> None:
    def talk(typed_client: LangfuseAPI) -> None:
        client = typed_client.unstable.skills
        first = client.create_version(files=[SkillVersionFileInput(path="SKILL.md", content=skill_md())])
        reference = SkillVersionFileReference(path="SKILL.md", sha256hash=first.files[0].sha256hash)
        second = client.create_version(files=[reference], commit_message="again")
        assert (second.version, second.files[0].blob_id) == (2, first.files[0].blob_id)
        assert client.set_labels("pdf", 2, labels=["production"]).labels == ["production", "latest"]
        assert client.get("pdf").id == second.id
        assert client.update("pdf", tags=["t"]).tags == ["t"]
        listed = client.list(search="pdf", tag="t")
        assert (listed.data[0].production_version, listed.meta.has_next_page) == (2, False)
        [content] = client.get_file_contents(sha256hashes=first.files[0].sha256hash).data
        assert content.content == skill_md()
        assert client.delete_version("pdf", 1).deleted

    with httpx.Client() as transport:
        client = LangfuseAPI(
            base_url=server.base_url,
            username=project.public_key,
            password=project.secret_key,
            httpx_client=transport,
        )
        await asyncio.to_thread(talk, client)
