"""Model definitions of a project: its own, which can be made, replaced and deleted, and the built-in ones.

Who may call is decided by the caller of this service; everything here is within one project.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from redis.asyncio import Redis
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lumenspan.clock import utc_now
from lumenspan.errors import InvalidInput, NotFound
from lumenspan.ids import ProjectId, new_id
from lumenspan.models import repository
from lumenspan.models.builtin import builtin_models
from lumenspan.models.definitions import Definitions
from lumenspan.models.domain import ModelDefinition, ModelId, ModelPage, NewModel
from lumenspan.models.validation import define
from lumenspan.settings import Settings
from lumenspan.storage.postgres import Postgres


class ModelService:
    """What the edges call."""

    def __init__(self, postgres: Postgres, redis: Redis, settings: Settings) -> None:
        self._postgres = postgres
        self._builtin = builtin_models
        self.definitions = Definitions(postgres, redis, settings)

    async def page(
        self, project_id: ProjectId, *, offset: int = 0, limit: int = 50, search: str = ""
    ) -> ModelPage:
        """Own and built-in definitions whose name holds ``search`` in whatever case.

        In order of name, unit and start date, of which the newest comes first.
        """
        part = search.casefold()
        async with self._postgres.session() as session:
            own = await repository.current(session, project_id)
        builtin = self._builtin()
        entries: list[tuple[tuple[str, str, float], ModelDefinition | int]] = [
            ((model.name, model.unit.value, _newest_first(model)), model)
            for model in own
            if part in model.name.casefold()
        ]
        # The thousands of built-in ones become definitions only where they are on the page.
        entries += [
            ((name, "TOKENS", 0.0), at)
            for at, name in enumerate(builtin.model_names())
            if part in name.casefold()
        ]
        entries.sort(key=lambda entry: entry[0])
        wanted = entries[offset : offset + limit]
        models = [builtin.at(entry) if isinstance(entry, int) else entry for _, entry in wanted]
        return ModelPage(models, len(entries))

    async def get(self, project_id: ProjectId, id_: str, revision: int | None = None) -> ModelDefinition:
        """One definition as it is now, or as it was in ``revision`` (also after that was replaced).

        Raises:
            NotFound: neither the project nor the built-in table has it.
        """
        if (builtin := self._builtin().by_id(id_)) is not None:
            return builtin
        async with self._postgres.session() as session:
            found = await repository.by_id(session, project_id, id_, revision)
        if found is None:
            raise NotFound("Model not found")
        return found

    async def default_prices(
        self, project_id: ProjectId, ids: Iterable[str]
    ) -> dict[str, Mapping[str, Decimal]]:
        """US dollars a unit by kind, of the default tier of each of these definitions that still exists.

        Raises:
            Unavailable: the project's own definitions cannot be read.
        """
        builtin = self._builtin()
        wanted = {id_: builtin.by_id(id_) for id_ in set(ids) if id_}
        if None in wanted.values():
            own = {str(model.id): model for model in (await self.definitions.matcher(project_id)).own}
            wanted = {id_: model or own.get(id_) for id_, model in wanted.items()}
        return {
            id_: model.default_tier.prices
            for id_, model in wanted.items()
            if model is not None and model.default_tier is not None
        }

    async def create(self, project_id: ProjectId, new: NewModel, id_: str | None = None) -> ModelDefinition:
        """Make a definition.

        Raises:
            InvalidInput: it breaks a rule, or the project has one of that name.
        """
        now = utc_now()
        model = define(new, project_id, ModelId(id_ or new_id()), 1, now, now)
        async with self._postgres.session() as session:
            await _insert(session, model)
        await self.definitions.announce(project_id)
        return model

    async def replace(self, project_id: ProjectId, id_: str, new: NewModel) -> ModelDefinition:
        """Put ``new`` in the place of the project's definition ``id_``, or make it under that id.

        Raises:
            InvalidInput: it breaks a rule, the name is another one's, or ``id_`` is a built-in one.
        """
        if self._builtin().by_id(id_) is not None:
            raise InvalidInput("A built-in model cannot be changed; make one of your own")
        now = utc_now()
        async with self._postgres.session() as session:
            before = await repository.by_id(session, project_id, id_, is_locked=True)
            last = before.revision if before else await repository.last_revision(session, id_)
            created = before.created_at if before else now
            model = define(new, project_id, ModelId(id_), last + 1, created, now)
            await repository.retire(session, project_id, id_, now)
            await _insert(session, model)
        await self.definitions.announce(project_id)
        return model

    async def delete(self, project_id: ProjectId, id_: str) -> None:
        """Take a definition of the project out of use; what it priced keeps its cost.

        Raises:
            NotFound: the project has no such definition of its own.
        """
        async with self._postgres.session() as session:
            is_gone = await repository.retire(session, project_id, id_, utc_now())
        if not is_gone:
            raise NotFound("Model not found")
        await self.definitions.announce(project_id)


async def _insert(session: AsyncSession, model: ModelDefinition) -> None:
    try:
        await repository.add(session, model)
    except IntegrityError as error:
        raise InvalidInput(f"A model named {model.name!r} exists already in this project") from error


def _newest_first(model: ModelDefinition) -> float:
    return -model.start_date.timestamp() if model.start_date else 0.0
