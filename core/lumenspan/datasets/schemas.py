"""JSON Schemas of datasets: what they are, and whether items fulfil them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from lumenspan.errors import InvalidInput

_MAX_SHOWN = 10
_MAX_TEXT = 300


def check_schema(schema: Any, name: str) -> dict[str, Any] | None:
    """The schema itself, None for none.

    Raises:
        InvalidInput: it is no JSON Schema.
    """
    if schema is None:
        return None
    if not isinstance(schema, dict):
        raise InvalidInput(f"{name} must be a JSON Schema object")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        raise InvalidInput(f"{name} is not a valid JSON Schema: {error.message[:_MAX_TEXT]}") from None
    except (RecursionError, Unresolvable):
        raise InvalidInput(f"{name} is not a valid JSON Schema: it cannot be followed to its end") from None
    return schema


class ItemSchemas:
    """The schemas of a dataset, ready to check items. References lead nowhere outside of the schema."""

    def __init__(
        self, input_schema: dict[str, Any] | None, expected_output_schema: dict[str, Any] | None
    ) -> None:
        self._validators = [
            (name, _validator(schema))
            for name, schema in (("input", input_schema), ("expectedOutput", expected_output_schema))
            if schema is not None
        ]

    def problems(self, input_: Any, expected_output: Any) -> list[str]:
        """What does not fit, at most ten texts."""
        values = {"input": input_, "expectedOutput": expected_output}
        found: list[str] = []
        for name, validator in self._validators:
            if name == "expectedOutput" and expected_output is None:
                continue
            try:
                for error in validator.iter_errors(values[name]):
                    place = "".join(f"[{part!r}]" for part in error.absolute_path)
                    found.append(f"{name}{place}: {error.message[:_MAX_TEXT]}")
                    if len(found) == _MAX_SHOWN:
                        return found
            except (RecursionError, Unresolvable):
                found.append(f"{name}: the schema cannot be followed to its end")
        return found

    def check(self, items: Iterable[tuple[str, Any, Any]]) -> None:
        """Check items, each ``(id, input, expected output)``.

        Raises:
            InvalidInput: some do not fit; the message names the first ten.
        """
        wrong = [
            (id_, problems) for id_, input_, output in items if (problems := self.problems(input_, output))
        ]
        if wrong:
            shown = "; ".join(f"{id_}: {problems[0]}" for id_, problems in wrong[:_MAX_SHOWN])
            raise InvalidInput(f"Schema validation failed for {len(wrong)} item(s): {shown}")


def _validator(schema: dict[str, Any]) -> Validator:
    # With a registry of its own it never fetches what a reference names.
    return validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())
