"""Where a scene is played: its randomness, its clock, its people, and the traces that it makes."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lumenspan.demo.content import PEOPLE
from lumenspan.demo.spans import Profile, TraceBuilder

_NANOS = 1_000_000_000


@dataclass(slots=True)
class Stage:
    """One scene's surroundings; ``now_ns`` is moved on by the scene."""

    key: str
    rng: random.Random
    now_ns: int
    _made: int = field(default=0)

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.rng.random() < probability

    def person(self) -> str:
        """A user id; some people come far more often than others."""
        return f"{PEOPLE[int(len(PEOPLE) * self.rng.random() ** 1.7)]}@example.com"

    def session(self) -> str:
        """A session id."""
        return f"chat-{uuid.UUID(int=self.rng.getrandbits(128), version=4)}"

    def begin(
        self,
        trace_name: str,
        service: str,
        *,
        user_id: str = "",
        session_id: str = "",
        environment: str = "production",
        tags: tuple[str, ...] = (),
        metadata: dict[str, str] | None = None,
    ) -> TraceBuilder:
        """A trace that starts now. The release follows the calendar week, the version the service."""
        week = datetime.fromtimestamp(self.now_ns // _NANOS, UTC).isocalendar()
        profile = Profile(
            trace_name=trace_name,
            service=service,
            user_id=user_id,
            session_id=session_id,
            environment=environment,
            release=f"{week.year}.{week.week}",
            version=f"{service}-{1 + week.week % 3}",
            tags=tags,
            metadata=metadata or {},
        )
        self._made += 1
        return TraceBuilder(f"{self.key}:{self._made}", self.rng, self.now_ns, profile)

    def pause(self, after: TraceBuilder, least_s: float, most_s: float) -> None:
        """Go on some time after the end of a trace."""
        self.now_ns = after.now_ns + int(self.rng.uniform(least_s, most_s) * _NANOS)
