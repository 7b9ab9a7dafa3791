"""What is learned of a shape never changes a row: by shape and rule by rule, every column is the same."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumenspan.ids import BlobKey
from lumenspan.ingest import input_output, otlp, rules, trace_fields
from lumenspan.ingest.envelope import FrameHeader
from lumenspan.ingest.mapping import SpanMapper
from lumenspan.ingest.metadata import Metadata
from lumenspan.ingest.otlp import Span
from lumenspan.ingest.parameters import PARAMETER_RULES
from lumenspan.ingest.rules import TM, O, T
from lumenspan.ingest.shapes import Shapes, watched
from lumenspan.ingest.usage import COST_RULES
from lumenspan.ingest.usage_sources import USAGE_RULES, U
from lumenspan.observations.rows import COLUMNS, ObservationColumns
from tests.unit.ingest.build import export, pairs

_TABLES = (
    rules.TYPE_RULES,
    rules.NAME_RULES,
    rules.LEVEL_RULES,
    rules.MODEL_RULES,
    USAGE_RULES,
    COST_RULES,
    PARAMETER_RULES,
    input_output.ROWS,
)
_OF_RULES = sorted({key for table in _TABLES for row in table for key in row.keys})
_OTHERS = [
    *trace_fields.USER_KEYS,
    *trace_fields.SESSION_KEYS,
    *trace_fields.TAG_KEYS,
    *trace_fields.ENVIRONMENT_KEYS,
    *(O + name for name in ("metadata", "metadata.a", "metadata.tools", "metadata.scope", "cost_details")),
    *(T + name for name in ("metadata", "metadata.a", "input", "output", "name", "public")),
    *(U + name for name in ("input_tokens", "output_tokens", "details.cache_read_tokens", "cost")),
    *("langfuse." + name for name in ("version", "release", "public", "metadata.b")),
    *(
        "langfuse.experiment." + name
        for name in ("id", "item.id", "metadata", "metadata.x", "item.version")
    ),
    *("gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.completion.0.content"),
    *("llm.tools.0.tool.json_schema", "llm.input_messages.0.message.content", "ai.prompt.tools"),
    *("model_request_parameters", "gen_ai.tool.definitions", "ai.response.msToFirstChunk"),
    *(TM + "userId", TM + "langfusePrompt", TM + "free", "langfuse.internal.is_app_root", "some.other"),
]
_SCOPES = (
    "other",
    "langfuse-sdk",
    "ai",
    "genkit-tracer",
    "livekit-agents",
    "pydantic-ai",
    "gcp.vertex.agent",
    "@flue/opentelemetry",
)
_TOOL = {"name": "find", "description": "d", "parameters": {"type": "object"}}
_MESSAGES = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
]
_TEXTS = st.sampled_from(
    (
        *(
            "",
            "text",
            "span",
            "generation",
            "chat",
            "invoke_agent",
            "ERROR",
            "true",
            "0",
            "7",
            "[1]",
            "a, b",
        ),
        *("2025-01-02T03:04:05Z", "model", "function", "ai.toolCall", "ai.generateText.doGenerate", "LLM"),
        *map(json.dumps, ({"input": 5, "output": "7", "x": "?"}, _MESSAGES, [_TOOL], {"tools": [_TOOL]})),
        json.dumps({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}),
        json.dumps({"input": 0.5, "total": "no"}),
    )
)
_VALUES = st.one_of(
    _TEXTS,
    st.booleans(),
    st.integers(-5, 5_000),
    st.floats(0, 9),
    st.lists(_TEXTS, max_size=2),
)
_NAMES = st.lists(st.one_of(st.sampled_from(_OF_RULES), st.sampled_from(_OTHERS)), unique=True, max_size=12)


@st.composite
def exports(draw: st.DrawFn) -> dict[str, Any]:
    """An export of several spans that share the names of their attributes, and little else."""
    names = draw(_NAMES)
    resource = draw(st.dictionaries(st.sampled_from(("service.name", "service.version", "x")), _TEXTS))
    made = export(scope=draw(st.sampled_from(_SCOPES)), scope_version="3.2.1", resource=resource)
    (scope,) = made["resourceSpans"][0]["scopeSpans"]
    (span,) = scope["spans"]
    scope["spans"] = [
        {
            **span,
            "name": draw(st.sampled_from(("span", "agent_turn", "on_exit"))),
            "attributes": pairs({name: draw(_VALUES) for name in names}),
            "events": draw(
                st.sampled_from(
                    ([], [{"name": "gen_ai.user.message", "attributes": pairs({"content": "c"})}])
                )
            ),
            "status": {"code": draw(st.sampled_from((0, 2))), "message": draw(_TEXTS)},
            "startTimeUnixNano": draw(st.sampled_from(("0", "1752384000123456789"))),
        }
        for _ in range(6)
    ]
    return made


def rows(made: dict[str, Any], sdk: str, *, is_by_shape: bool) -> list[list[Any]]:
    name, _, version = sdk.partition("/")
    header = FrameHeader(
        "project", otlp.JSON, 1_800_000_000_000_000_000, sdk_name=name, sdk_version=version
    )
    columns = ObservationColumns()
    mapper = SpanMapper(BlobKey("key"), header, columns, is_by_shape=is_by_shape)
    assert not mapper.add(otlp.decode(orjson.dumps(made), otlp.JSON).spans)
    return columns.values


@settings(max_examples=300, deadline=None)
@given(exports(), st.sampled_from(("", "python/4.0.0", "python/5.0.4", "javascript/4.1.0")))
def test_rows_by_shape_are_the_rows_of_the_rules(made: dict[str, Any], sdk: str) -> None:
    plain = rows(made, sdk, is_by_shape=False)
    for _ in range(2):
        learned = rows(made, sdk, is_by_shape=True)
        for column, values, wanted in zip(COLUMNS, learned, plain, strict=True):
            assert values == wanted, column
            # Nested order, and what equals without being the same (1, 1.0, True), as well.
            assert repr(values) == repr(wanted), column


def one(attributes: dict[str, Any], **options: Any) -> Span:
    return otlp.decode(orjson.dumps(export(attributes, **options)), otlp.JSON).spans[0]


@pytest.mark.parametrize(
    ("pick", "is_of_span", "is_of_origin"),
    [
        (lambda span: span.attributes.get("absent"), False, False),
        (lambda span: "present" in span.attributes, False, False),
        (lambda span: sorted(span.attributes), False, False),
        (lambda span: len(span.events) + len(span.extra) + span.status_code, False, False),
        (lambda span: span.origin.scope_name + span.origin.scope_version, False, False),
        (lambda span: span.attributes.get("present"), True, False),
        (lambda span: span.attributes["present"], True, False),
        (lambda span: dict(span.attributes), True, False),
        (lambda span: {**span.attributes}, True, False),
        (lambda span: list(span.attributes.values()), True, False),
        (lambda span: str(span.attributes), True, False),
        (lambda span: span.attributes == {}, True, False),
        (lambda span: span.name, True, False),
        (lambda span: span.start_nanos, True, False),
        (lambda span: span.attributes["absent"], True, False),
        (lambda span: span.origin.resource.get("absent"), False, True),
        (lambda span: span.origin.scope_attributes, False, True),
    ],
)
def test_what_a_pick_reads_besides_the_shape_is_noted(
    pick: Any, is_of_span: bool, is_of_origin: bool
) -> None:
    _, watch = watched(pick, one({"present": 1}))
    assert (watch.of_span, watch.of_origin) == (is_of_span, is_of_origin)


def test_events_of_a_span_that_has_some_are_its_own() -> None:
    span = one({}, events=[("gen_ai.choice", {})])
    assert watched(lambda span: len(span.events), span)[1].of_span


def test_rules_that_cannot_hold_are_left_out_once_a_shape_is_known() -> None:
    narrowed: Any = rules.Decided(rules.TYPE_RULES, lambda value: value).narrowed(
        one({O + "type": "agent"})
    )
    assert [rule.name for rule in narrowed.rules] == ["langfuse_python_before_3_4", "langfuse_type"]
    level: Any = rules.Decided(rules.LEVEL_RULES, lambda value: value).narrowed(one({}))
    assert [rule.name for rule in level.rules] == ["default"]


def test_a_shape_is_learned_when_it_comes_again_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumenspan.ingest.shapes._MOST_SHAPES", 3)
    shapes = Shapes([lambda span: span.name, Metadata(is_json_encoded=False, is_langfuse=False)])
    unknown = shapes.of(one({"a": 1}))
    assert shapes.of(one({"a": 2})) is unknown
    learned = shapes.of(one({"a": 3}))
    assert learned is not unknown
    assert shapes.of(one({"a": 4})) is learned
    for number in range(50):
        for _ in range(3):
            shapes.of(one({f"b{number}": 1}))
        assert len(shapes._known) <= 3


def test_spans_of_very_many_names_are_not_learned() -> None:
    shapes = Shapes([lambda span: 1])
    span = one({f"key{number}": 1 for number in range(1_000)})
    assert len({shapes.of(span) for _ in range(5)}) == 1
    assert not shapes._known
