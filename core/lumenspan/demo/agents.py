"""Agents with tools: a travel desk that plans a trip, and an analyst that queries the data warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lumenspan.demo.content import AIRLINES, CITIES, DATA_QUESTIONS, HOTELS, PURPOSES
from lumenspan.demo.spans import Trace, TraceBuilder
from lumenspan.demo.stage import Stage

_TRAVEL = (
    "You are the travel desk of a company. Plan trips with the tools given: search flights and hotels, "
    "check the travel policy, and never book without a confirmation."
)
_ANALYST = (
    "You answer questions on the business with SQL. Explain the result in two sentences, with numbers."
)


def trip(stage: Stage) -> Iterator[Trace]:
    """One trip, planned in several steps by an agent with four tools."""
    origin, city = stage.rng.sample(CITIES, 2)
    wish = (
        f"I need to be in {city} for {stage.rng.choice(PURPOSES)} from the {stage.rng.randint(3, 14)}th, "
        "for "
        f"{stage.rng.randint(2, 4)} nights. I start from {origin}. Please stay within the policy."
    )
    trace = stage.begin(
        "plan-trip",
        "travel-desk",
        user_id=stage.person(),
        session_id=stage.session(),
        tags=("agent", "travel"),
        metadata={"cost_center": f"CC-{stage.rng.randint(100, 140)}"},
    )
    model = stage.rng.choice(("claude-sonnet-4-5", "gpt-4.1"))
    with trace.span("plan-trip", "chain", input={"request": wish}) as root:
        with trace.span("travel-agent", "agent", input=wish) as agent:
            agent.output = _plan(trace, model, wish, origin, city)
            if any(span.level == "ERROR" for span in trace.trace.spans):
                agent.fail("One tool failed and was called again", "WARNING")
        root.output = {"plan": agent.output}
    yield trace.trace


def _plan(trace: TraceBuilder, model: str, wish: str, origin: str, city: str) -> str:
    rng = trace.rng
    messages = [{"role": "system", "content": _TRAVEL}, {"role": "user", "content": wish}]
    flights = [
        {"airline": airline, "price": rng.randint(120, 680), "stops": rng.choice((0, 0, 1, 2))}
        for airline in rng.sample(AIRLINES, 3)
    ]
    hotels = [{"name": name, "price_per_night": rng.randint(70, 210)} for name in rng.sample(HOTELS, 3)]
    steps: list[tuple[str, dict[str, Any], Any]] = [
        ("search-flights", {"from": origin, "to": city}, flights),
        ("search-hotels", {"city": city, "max_price": 180}, hotels),
        (
            "check-policy",
            {"hotel_price": hotels[0]["price_per_night"]},
            {"allowed": True, "limit_per_night": 180},
        ),
    ]
    if rng.random() < 0.5:
        forecast = {
            "temperature_c": rng.randint(-4, 31),
            "rain": rng.choice(("none", "showers", "all day")),
        }
        steps.append(("weather", {"city": city}, forecast))
    for name, arguments, result in steps:
        call = {"tool": name, "arguments": arguments}
        trace.generate(
            "decide-next-step", model, list(messages), call, prompt=("travel-desk", 7), stream=False
        )
        messages.append({"role": "assistant", "content": f"Call {name} with {arguments}"})
        use(trace, name, arguments, result)
        messages.append({"role": "tool", "content": str(result)})
    flight = min(flights, key=lambda offer: int(str(offer["price"])))
    answer = (
        f"Here is a plan for {city}:\n\n"
        f"- **Flight**: {flight['airline']} from {origin}, {flight['price']} return, {flight['stops']} "
        "stop(s)\n"
        f"- **Hotel**: {hotels[0]['name']}, {hotels[0]['price_per_night']} a night, within the limit of "
        "180\n\n"
        "Shall I hold both until tomorrow noon?"
    )
    trace.generate("write-plan", model, list(messages), answer, prompt=("travel-desk", 7))
    return answer


def use(trace: TraceBuilder, name: str, arguments: dict[str, Any], result: Any) -> None:
    """Call a tool; now and then the first attempt fails."""
    if trace.rng.random() < 0.05:
        with trace.span(name, "tool", input=arguments) as failed:
            trace.wait_s(1.0, 8.0)
            failed.fail(f"ConnectionResetError: {name} closed the connection")
        trace.wait_s(0.2, 0.6)
    with trace.span(name, "tool", input=arguments, output=result) as tool:
        tool.metadata = {"attempts": "1"}
        trace.wait_s(0.05, 1.5)


def analysis(stage: Stage) -> Iterator[Trace]:
    """One question to the data warehouse: SQL is written, run and explained; some SQL is wrong at first."""
    rng = stage.rng
    question, sql, conclusion = rng.choice(DATA_QUESTIONS)
    sql = sql.format(month=f"2026-{rng.randint(1, 9):02d}", week=rng.randint(20, 40))
    conclusion = conclusion.format(a=rng.randint(12, 48), b=rng.randint(3, 11))
    trace = stage.begin(
        "ask-the-data",
        "analytics-agent",
        user_id=stage.person(),
        tags=("agent", "sql"),
        metadata={"team": "operations"},
    )
    messages = [{"role": "system", "content": _ANALYST}, {"role": "user", "content": question}]
    with trace.span("ask-the-data", "agent", input=question) as root:
        if stage.chance(0.25):
            wrong = sql.replace("sum(", "total(").replace("count(", "counts(").replace("avg(", "mean(")
            trace.generate(
                "write-sql", "gpt-4.1", messages, wrong, prompt=("nl-to-sql", 12), temperature=0.0
            )
            with trace.span("run-sql", "tool", input={"sql": wrong}) as failed:
                trace.wait_s(0.01, 0.1)
                failed.fail("Code: 46. Unknown function. Maybe you meant: ['sum', 'count', 'avg']")
            messages.append({"role": "user", "content": f"The database says: {failed.status_message}"})
            root.fail("The first statement was wrong", "WARNING")
        trace.generate("write-sql", "gpt-4.1", messages, sql, prompt=("nl-to-sql", 12), temperature=0.0)
        with trace.span("run-sql", "tool", input={"sql": sql}) as ran:
            trace.wait_s(0.1, 12.0)
            ran.output = {"rows": rng.randint(3, 40), "read_rows": rng.randint(10_000, 90_000_000)}
        trace.generate(
            "explain", "gpt-4.1", [*messages, {"role": "user", "content": str(ran.output)}], conclusion
        )
        root.output = conclusion
    yield trace.trace
