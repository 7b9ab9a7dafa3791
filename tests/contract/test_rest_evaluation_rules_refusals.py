"""What evaluation rules may not be, who may not see them, and old ones on traces."""

from __future__ import annotations

from typing import Any

import pytest

from lumenspan.clock import utc_now
from lumenspan.evaluators import rule_repository
from lumenspan.evaluators.domain import Evaluator, Mapping
from lumenspan.evaluators.rules import Assignment, Rule, Target
from lumenspan.filters import Condition
from lumenspan.ids import ProjectId, new_id
from tests.conftest import ProjectAccess
from tests.contract.test_rest_evaluation_rules import (
    FILTER,
    OLD_RULE,
    V1,
    V2,
    call,
    evaluator,
    posted,
    refused,
    rule,
)
from tests.integration.server.conftest import RunningServer


class TestFilters:
    @pytest.mark.parametrize(
        ("condition", "detail"),
        [
            (FILTER[0] | {"column": "cost"}, ("column", "cost")),
            (FILTER[0] | {"column": "userId"}, ("allowedValues", ["string"])),
            (FILTER[0] | {"value": ["GENERATION", "NOVEL"]}, ("invalidValues", ["NOVEL"])),
            (FILTER[0] | {"value": []}, ("field", "filter[0].value")),
            (FILTER[0] | {"value": ["\0"], "column": "name"}, ("field", "filter[0].value")),
            (FILTER[1] | {"key": ""}, ("field", "filter[0].key")),
            (FILTER[6] | {"value": "x" * 20_000}, ("field", "filter[0].value")),
        ],
    )
    async def test_conditions_that_cannot_be(
        self,
        server: RunningServer,
        project: ProjectAccess,
        condition: dict[str, Any],
        detail: tuple[str, Any],
    ) -> None:
        judge = await evaluator(server, project)
        found = await refused(server, project, "POST", V1, OLD_RULE | {"filter": [condition]})
        assert found[:2] == (400, "invalid_filter_value")
        assert found[2][detail[0]] == detail[1]
        found = await refused(server, project, "POST", V2, rule(judge, filter=[condition]))
        assert found[:2] == (400, "invalid_body")
        assert found[2]["issues"][0]["path"][:2] == ["filter", 0]

    @pytest.mark.parametrize(
        "condition",
        [
            FILTER[0] | {"type": "range"},
            FILTER[0] | {"operator": "all of"},
            FILTER[0] | {"value": "GENERATION"},
            FILTER[4] | {"value": "1"},
            {"type": "string"},
            1,
        ],
    )
    async def test_conditions_of_no_form(
        self, server: RunningServer, project: ProjectAccess, condition: Any
    ) -> None:
        judge = await evaluator(server, project)
        for path, body in ((V1, OLD_RULE), (V2, rule(judge))):
            found = await refused(server, project, "POST", path, body | {"filter": [condition]})
            assert found[:2] == (400, "invalid_body")

    async def test_keys_may_only_have_to_be_there(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge = await evaluator(server, project)
        condition = FILTER[1] | {"operator": "is set", "value": ""}
        assert (await posted(server, project, V2, rule(judge, filter=[condition])))["filter"] == [condition]


class TestRefusals:
    @pytest.mark.parametrize(
        "change", [{"sampling": 0}, {"sampling": 1.1}, {"sampling": -1}, {"name": " "}, {"name": "\0"}]
    )
    async def test_values_that_cannot_be(
        self, server: RunningServer, project: ProjectAccess, change: dict[str, Any]
    ) -> None:
        judge = await evaluator(server, project)
        for path, body in ((V1, OLD_RULE), (V2, rule(judge))):
            found = await refused(server, project, "POST", path, body | change)
            assert found[:2] == (400, "invalid_body")
            assert found[2]["issues"][0]["path"] == list(change)

    async def test_bodies_of_no_form(self, server: RunningServer, project: ProjectAccess) -> None:
        judge = await evaluator(server, project)
        for body in (
            OLD_RULE | {"evaluators": [{"evaluator": {"name": "helpful"}}]},
            OLD_RULE | {"target": "trace"},
            OLD_RULE | {"evaluator": {"name": "helpful", "type": "code"}},
            {key: OLD_RULE[key] for key in ("name", "target", "enabled", "evaluator")},
            {key: OLD_RULE[key] for key in ("name", "target", "enabled")} | {"evaluators": []},
        ):
            assert (await refused(server, project, "POST", V1, body))[:2] == (400, "invalid_body")
        for body in (rule(judge, sampling=None), rule(judge, target="observation"), rule(enabled=True)):
            assert (await refused(server, project, "POST", V2, body))[:2] == (400, "invalid_body")
        found = await refused(server, project, "POST", V1, OLD_RULE | {"evaluator": {"name": "nobody"}})
        assert found[:2] == (404, "resource_not_found")

    async def test_too_many_active_rules(
        self, server: RunningServer, project: ProjectAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lumenspan.evaluators.rule_service.MAX_ACTIVE_RULES", 2)
        judge = await evaluator(server, project)
        for _ in range(2):
            await posted(server, project, V2, rule(judge))
        status, reason, details = await refused(server, project, "POST", V2, rule(judge))
        assert (status, reason, details["limit"]) == (409, "conflict", 2)
        draft = await posted(server, project, V2, rule(judge, enabled=False))
        path = f"{V2}/{draft['id']}"
        assert (await refused(server, project, "PATCH", path, {"enabled": True}))[0] == 409

    async def test_nobody_else_reaches_them(
        self, server: RunningServer, project: ProjectAccess, other_project: ProjectAccess
    ) -> None:
        found = await posted(server, project, V2, rule(await evaluator(server, project)))
        for path in (V1, V2):
            one = f"{path}/{found['id']}"
            assert (await call(server, other_project, "GET", path)).json()["data"] == []
            assert (await call(server, other_project, "GET", one)).status_code == 404
            change = await call(server, other_project, "PATCH", one, json={"enabled": False})
            assert change.status_code == 404
            assert (await call(server, other_project, "DELETE", one)).status_code == 404
        assert (await call(server, project, "GET", f"{V2}/{found['id']}")).json() == found

    async def test_keys_that_are_not_enough(self, server: RunningServer, project: ProjectAccess) -> None:
        bearer = {"Authorization": f"Bearer {project.public_key}"}
        for path in (V1, V2):
            for method, place in (
                ("GET", path),
                ("POST", path),
                ("GET", f"{path}/x"),
                ("PATCH", f"{path}/x"),
                ("DELETE", f"{path}/x"),
            ):
                denied = await server.client.request(method, place, headers=bearer, json={})
                assert (denied.status_code, denied.json()["code"]) == (403, "access_denied")
                unknown = await server.client.request(method, place, json={})
                assert (unknown.status_code, unknown.json()["code"]) == (401, "authentication_failed")


async def old_rule(server: RunningServer, project: ProjectAccess, used: Evaluator) -> str:
    """A rule on traces, as only a store that was brought along has them."""
    now = utc_now()
    mapping = Mapping("input", "input", None, "generation", "answer")
    made = Rule(
        id=new_id(),
        project_id=ProjectId(project.project_id),
        name="old",
        target=Target.TRACE,
        is_enabled=True,
        sampling=1.0,
        conditions=(Condition("datetime", "timestamp", ">", "2026-01-01T00:00:00.000Z"),),
        assignments=(Assignment(used, (mapping,), now),),
        created_by=None,
        created_at=now,
        updated_at=now,
        delay_ms=10_000,
        time_scope=("NEW",),
    )
    async with server.services.postgres.session() as session:
        await rule_repository.save(session, made)
    return made.id


class TestOldRules:
    async def test_they_are_shown_and_only_go_away(
        self, server: RunningServer, project: ProjectAccess
    ) -> None:
        judge = await evaluator(server, project)
        used = await server.services.evaluators.get(ProjectId(project.project_id), judge)
        id_ = await old_rule(server, project, used)
        old = (await call(server, project, "GET", f"{V1}/{id_}")).json()
        assert (old["target"], old["delay"], old["timeScope"]) == ("trace", 10_000, ["NEW"])
        entry = {
            "variable": "input",
            "source": "input",
            "langfuseObject": "generation",
            "objectName": "answer",
        }
        assert (old["mapping"], old["evaluators"][0]["mapping"]) == ([entry], [entry])
        assert (await call(server, project, "GET", V1)).json()["data"] == [old]
        assert (await call(server, project, "DELETE", f"{V1}/{id_}")).status_code == 404
        change = {"enabled": False}
        assert (await refused(server, project, "PATCH", f"{V1}/{id_}", change))[0] == 404
        new = (await call(server, project, "GET", f"{V2}/{id_}")).json()
        legacy = entry | {"mappingType": "legacy"}
        assert new["evaluatorAssignments"] == [{"evaluatorId": judge, "variableMapping": [legacy]}]
        found = await refused(server, project, "PATCH", f"{V2}/{id_}", {"name": "new"})
        assert found[:2] == (400, "invalid_request")
        off = (await call(server, project, "PATCH", f"{V2}/{id_}", json=change)).json()
        assert (off["enabled"], off["name"]) == (False, "old")
        assert (await call(server, project, "DELETE", f"{V2}/{id_}")).json() == {"id": id_}
