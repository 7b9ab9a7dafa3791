"""The filter grammar of the public API as an argument of tools."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lumenspan.errors import InvalidInput
from lumenspan.filters import Condition, check_conditions
from lumenspan_server.mcp.tools import Arguments, BadArguments


class FilterCondition(Arguments):
    """One condition."""

    column: str
    type: Literal[
        "datetime",
        "string",
        "number",
        "stringOptions",
        "categoryOptions",
        "arrayOptions",
        "stringObject",
        "numberObject",
        "booleanObject",
        "boolean",
        "null",
    ]
    operator: Annotated[str, Meta(description="One that fits the type")]
    value: Annotated[Any, Meta(description="As the type wants it: text, number, true or false, list")] = ""
    key: Annotated[str, Meta(description="Of the …Object types and categoryOptions")] | None = None


Filter = Annotated[
    tuple[FilterCondition, ...], Meta(max_length=100, description="Conditions that must all hold")
]


def conditions_of(given: tuple[FilterCondition, ...] | None) -> list[Condition]:
    """The conditions, checked each for itself; BadArguments where one does not fit the grammar."""
    try:
        return check_conditions([msgspec.to_builtins(each) for each in given or ()])
    except InvalidInput as error:
        raise BadArguments(error.message) from error
