"""Score configs in PostgreSQL."""

from __future__ import annotations

import pytest

from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId
from lumenspan.scores.configs import ScoreConfigService
from lumenspan.scores.domain import Category, DataType, ScoreConfigChange
from tests.conftest import ProjectAccess
from tests.integration.ingest.conftest import Clients

pytestmark = pytest.mark.engines


async def test_made_listed_changed_and_archived(clients: Clients, project: ProjectAccess) -> None:
    service, project_id = ScoreConfigService(clients.postgres), ProjectId(project.project_id)
    numeric = await service.create(
        project_id, "Range", DataType.NUMERIC, min_value=0, max_value=1, description="how sure"
    )
    categories = (Category("yes", 1), Category("no", 0.5))
    choice = await service.create(project_id, "Choice", DataType.CATEGORICAL, categories=categories)
    flag = await service.create(project_id, "Flag", DataType.BOOLEAN)
    assert [(each.label, each.value) for each in flag.categories] == [("True", 1), ("False", 0)]
    for made in (numeric, choice, flag):
        assert await service.get(project_id, made.id) == made
    assert await service.page(project_id, 1, 2) == ([flag, choice], 3)
    assert await service.page(project_id, 2, 2) == ([numeric], 3)

    changed = await service.update(project_id, numeric.id, ScoreConfigChange(max_value=5, name="Wider"))
    assert (changed.name, changed.min_value, changed.max_value) == ("Wider", 0, 5)
    assert changed.updated_at > numeric.updated_at
    archived = await service.update(project_id, choice.id, ScoreConfigChange(is_archived=True))
    assert archived.is_archived
    assert await service.by_ids(project_id, [numeric.id, choice.id, "none"]) == {
        numeric.id: changed,
        choice.id: archived,
    }


@pytest.mark.parametrize(
    "change",
    [
        ScoreConfigChange(),
        ScoreConfigChange(min_value=2),
        ScoreConfigChange(name="a/b"),
        ScoreConfigChange(categories=(Category("a", 1),)),
    ],
)
async def test_a_change_that_contradicts_changes_nothing(
    clients: Clients, project: ProjectAccess, change: ScoreConfigChange
) -> None:
    service, project_id = ScoreConfigService(clients.postgres), ProjectId(project.project_id)
    made = await service.create(project_id, "Range", DataType.NUMERIC, min_value=0, max_value=1)
    with pytest.raises(InvalidInput):
        await service.update(project_id, made.id, change)
    assert await service.get(project_id, made.id) == made


async def test_the_server_sets_the_categories_of_booleans(clients: Clients, project: ProjectAccess) -> None:
    service, project_id = ScoreConfigService(clients.postgres), ProjectId(project.project_id)
    own = (Category("Yes", 1), Category("No", 0))
    with pytest.raises(InvalidInput):
        await service.create(project_id, "Flag", DataType.BOOLEAN, categories=own)
    made = await service.create(project_id, "Flag", DataType.BOOLEAN)
    with pytest.raises(InvalidInput):
        await service.update(project_id, made.id, ScoreConfigChange(categories=own))


async def test_another_project_has_none_of_them(
    clients: Clients, project: ProjectAccess, other_project: ProjectAccess
) -> None:
    service, theirs = ScoreConfigService(clients.postgres), ProjectId(other_project.project_id)
    made = await service.create(ProjectId(project.project_id), "Mine", DataType.NUMERIC)
    with pytest.raises(NotFound, match="Score config not found within authorized project"):
        await service.get(theirs, made.id)
    with pytest.raises(NotFound):
        await service.update(theirs, made.id, ScoreConfigChange(is_archived=True))
    assert await service.page(theirs, 1, 10) == ([], 0)
