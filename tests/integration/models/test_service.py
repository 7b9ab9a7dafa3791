"""Definitions in PostgreSQL: made, listed, replaced, deleted, and seen by other processes at once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId
from lumenspan.models.builtin import builtin_models
from lumenspan.models.domain import (
    AttributeCondition,
    AttributeSource,
    Condition,
    NewModel,
    NewTier,
    Operator,
    Tokenizer,
    TokenizerConfig,
    Unit,
    UsageCondition,
)
from lumenspan.storage.postgres import Postgres
from tests.integration.models.conftest import Clients
from tests.support import free_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LARGE = UsageCondition("input", Operator.GREATER, Decimal(200_000))
FAST = AttributeCondition(AttributeSource.MODEL_PARAMETERS, "service_tier", ("fast",))


def flat(name: str = "mine", **given: Any) -> NewModel:
    return NewModel(
        **{"name": name, "match_pattern": f"^{name}$", "input_price": Decimal("1e-13"), **given}
    )


def tiers(*given: tuple[str, int, tuple[Condition, ...], dict[str, int]]) -> NewModel:
    made = tuple(
        NewTier(name, priority == 0, priority, conditions, {k: Decimal(v) for k, v in prices.items()})
        for name, priority, conditions, prices in given
    )
    return NewModel("mine", "^mine$", tiers=made)


async def test_what_is_made_reads_back_equal(clients: Clients, own: ProjectId) -> None:
    service = clients.models()
    new = NewModel(
        "mine",
        "(?i)^mine$",
        start_date=NOW,
        unit=Unit.CHARACTERS,
        tiers=(
            NewTier("Large", False, 7, (LARGE, FAST), {"input": Decimal("0.123456789012345")}),
            NewTier("Standard", True, 0, (), {"input": Decimal(1)}),
        ),
        tokenizer=Tokenizer.OPENAI,
        tokenizer_config=TokenizerConfig("gpt-4", 4, -1),
    )
    made = await service.create(own, new)
    assert await service.get(own, made.id) == made
    assert [tier.name for tier in made.tiers] == ["Standard", "Large"]
    assert made.tiers[1].conditions == (LARGE, FAST)
    assert made.tokenizer_config == TokenizerConfig("gpt-4", 4, -1)
    assert (made.start_date, made.unit, made.revision) == (NOW, Unit.CHARACTERS, 1)


async def test_flat_prices_are_a_standard_tier(clients: Clients, own: ProjectId) -> None:
    made = await clients.models().create(own, flat(output_price=Decimal(2)))
    [tier] = made.tiers
    assert (tier.id, tier.name, tier.is_default, tier.priority) == (
        f"{made.id}_tier_default",
        "Standard",
        True,
        0,
    )
    assert tier.prices == {"input": Decimal("1e-13"), "output": Decimal(2)}


@pytest.mark.parametrize(
    "new",
    [
        flat(match_pattern="("),
        flat(name=" "),
        flat(input_price=None),
        flat(input_price=Decimal(-1)),
        flat(input_price=Decimal("NaN")),
        flat(total_price=Decimal(1)),
        flat(tokenizer=Tokenizer.OPENAI),
        flat(tiers=(NewTier("Standard", True, 0, (), {"input": Decimal(1)}),)),
        tiers(("A", 1, (LARGE,), {"input": 1})),
        tiers(("A", 0, (LARGE,), {"input": 1})),
        tiers(("A", 0, (), {})),
        tiers(("A", 0, (), {"input": 1}), ("A", 1, (LARGE,), {"input": 1})),
        tiers(("A", 0, (), {"input": 1}), ("B", 1, (), {"input": 1})),
        tiers(("A", 0, (), {"input": 1}), ("B", 1, (LARGE,), {"output": 1})),
        tiers(("A", 0, (), {"input": 1}), ("B", 1000, (LARGE,), {"input": 1})),
        tiers(
            ("A", 0, (), {"input": 1}), ("B", 1, (LARGE,), {"input": 1}), ("C", 1, (FAST,), {"input": 1})
        ),
        tiers(
            ("A", 0, (), {"input": 1}),
            ("B", 1, (UsageCondition("x" * 201, Operator.LESS, Decimal(1)),), {"input": 1}),
        ),
        tiers(
            ("A", 0, (), {"input": 1}),
            ("B", 1, (UsageCondition("x", Operator.LESS, Decimal(-1)),), {"input": 1}),
        ),
        tiers(
            ("A", 0, (), {"input": 1}),
            ("B", 1, (AttributeCondition(AttributeSource.METADATA, "k", ()),), {"input": 1}),
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused(clients: Clients, own: ProjectId, new: NewModel) -> None:
    service = clients.models()
    with pytest.raises(InvalidInput):
        await service.create(own, new)
    assert (await service.page(own)).total == len(builtin_models())


async def test_names_are_unique_within_the_project(
    clients: Clients, own: ProjectId, other: ProjectId
) -> None:
    service = clients.models()
    first = await service.create(own, flat())
    await service.create(other, flat())
    with pytest.raises(InvalidInput, match="exists already"):
        await service.create(own, flat())
    await service.delete(own, first.id)
    await service.create(own, flat())


async def test_another_project_sees_and_changes_nothing(
    clients: Clients, own: ProjectId, other: ProjectId
) -> None:
    service = clients.models()
    made = await service.create(own, flat())
    with pytest.raises(NotFound):
        await service.get(other, made.id)
    with pytest.raises(NotFound):
        await service.delete(other, made.id)
    theirs = await service.replace(other, made.id, flat("theirs"))
    assert (await service.get(own, made.id)).name == "mine"
    assert (await service.get(other, made.id)) == theirs
    assert (await service.definitions.matcher(other)).match("mine", NOW) is None


async def test_pages_hold_own_and_built_in_in_order(clients: Clients, own: ProjectId) -> None:
    service = clients.models()
    await service.create(own, flat("gpt-4o", match_pattern="x"))
    names, offset = [], 0
    while page := (await service.page(own, offset=offset, limit=1_000)).models:
        names += [model.name for model in page]
        offset += 1_000
    assert names == sorted(names)
    assert names.count("gpt-4o") == 2
    assert len(names) == len(builtin_models()) + 1


async def test_built_in_ones_are_neither_replaced_nor_deleted(clients: Clients, own: ProjectId) -> None:
    service = clients.models()
    builtin = builtin_models().match("gpt-4o")
    assert builtin is not None
    assert await service.get(own, builtin.id) == builtin
    with pytest.raises(NotFound):
        await service.delete(own, builtin.id)
    with pytest.raises(InvalidInput):
        await service.replace(own, builtin.id, flat())


async def test_every_revision_stays_readable(clients: Clients, own: ProjectId) -> None:
    service = clients.models()
    first = await service.create(own, flat())
    second = await service.replace(own, first.id, flat(input_price=Decimal(5)))
    assert (second.revision, second.created_at) == (2, first.created_at)
    await service.delete(own, first.id)
    with pytest.raises(NotFound):
        await service.get(own, first.id)
    assert await service.get(own, first.id, revision=1) == first
    assert await service.get(own, first.id, revision=2) == second
    assert (await service.replace(own, first.id, flat())).revision == 3


async def test_other_processes_see_a_change_within_two_seconds(clients: Clients, own: ProjectId) -> None:
    here, there = clients.models(), clients.models()
    assert (await there.definitions.matcher(own)).match("mine", NOW) is None
    made = await here.create(own, flat())
    assert (await here.definitions.matcher(own)).match("mine", NOW) == made
    await _until(there, own, made.id)
    changed = await here.replace(own, made.id, flat("other"))
    assert changed.match_pattern == "^other$"
    await _until(there, own, None)
    await here.delete(own, made.id)


async def test_definitions_are_kept_while_postgresql_is_down_for_a_moment(
    clients: Clients, own: ProjectId
) -> None:
    service = clients.models()
    made = await service.create(own, flat())
    assert (await service.definitions.matcher(own)).match("mine", NOW) == made
    down = Postgres(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    service.definitions._postgres = down
    assert (await service.definitions.matcher(own)).match("mine", NOW) == made
    await down.close()


async def _until(service: Any, project_id: ProjectId, expected: str | None) -> None:
    import asyncio
    import time

    deadline = time.monotonic() + 20
    while True:
        match = (await service.definitions.matcher(project_id)).match("mine", NOW)
        if (match.id if match else None) == expected:
            return
        assert time.monotonic() < deadline, "the change was not seen"
        await asyncio.sleep(0.05)
