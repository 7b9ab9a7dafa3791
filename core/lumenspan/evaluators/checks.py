"""What definitions and mappings have to fulfil; shared by evaluators and rules."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from jsonpath import JSONPathEnvironment, JSONPathError

from lumenspan.errors import InvalidInput
from lumenspan.evaluators.domain import (
    EXPERIMENT_SOURCES,
    CodeDefinition,
    Definition,
    Mapping,
    Message,
    ModelChoice,
    Output,
    OutputType,
    Source,
)

MAX_NAME, MAX_DESCRIPTION = 500, 5_000
MAX_MESSAGES, MAX_PROMPT, MAX_SOURCE_CODE = 100, 200_000, 200_000
MAX_INSTRUCTIONS, MAX_CATEGORIES, MAX_CATEGORY = 10_000, 500, 500
MAX_JSON_PATH = 1_000
# Without nested quantifiers: a prompt of many braces costs no more than its length.
_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")
_PATHS = JSONPathEnvironment()


def check_name(name: str, what: str) -> str:
    """The name without blanks around it; InvalidInput where it cannot be one."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or "\0" in name:
        raise invalid("name", f"The name of {what} has 1 to {MAX_NAME} characters")
    return name


def check_description(description: str | None) -> str | None:
    """The description itself; InvalidInput where it is too long."""
    if description is not None and (len(description) > MAX_DESCRIPTION or "\0" in description):
        raise invalid("description", f"A description has at most {MAX_DESCRIPTION} characters")
    return description


def check_definition(definition: Definition) -> Definition:
    """The definition as it is stored, with the variables of its prompt.

    Raises:
        InvalidInput: it cannot be used; ``details["field"]`` says what of it.
    """
    if isinstance(definition, CodeDefinition):
        _check_text(definition.source_code, "sourceCode", MAX_SOURCE_CODE, "The source code")
        return definition
    variables = _checked_variables(definition.prompt)
    if definition.model is not None:
        _check_model(definition.model)
    if definition.mapping is not None:
        check_mapping(definition.mapping, variables, "mapping", is_experiment=True)
    return replace(definition, output=_checked_output(definition.output), variables=variables)


def variables_of(prompt: Sequence[Message]) -> tuple[str, ...]:
    """Names within ``{{ }}``, each once, in order of first appearance."""
    names = (found.strip() for each in prompt for found in _VARIABLE.findall(each.content))
    return tuple(dict.fromkeys(name for name in names if name))


def check_mapping(
    mapping: Sequence[Mapping], variables: Sequence[str], field: str, *, is_experiment: bool
) -> None:
    """Each variable once, from a source that there is, with a JSONPath that can be read.

    Args:
        field: where the mapping stands, for ``details``.
        is_experiment: whether what only experiments have may be a source.

    Raises:
        InvalidInput: with the reason ``missing_variable_mapping``, ``duplicate_variable_mapping``,
            ``invalid_variable_mapping`` or ``invalid_json_path``.
    """
    for at, each in enumerate(mapping):
        _check_entry(each, variables, f"{field}[{at}]", is_experiment=is_experiment)
    counts = Counter(each.variable for each in mapping)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        raise InvalidInput(
            f"Variables are mapped more than once: {_listed(repeated)}",
            reason="duplicate_variable_mapping",
            details={"field": field, "variable": repeated[0], "variables": repeated},
        )
    check_complete(mapping, variables, field)


def check_complete(mapping: Sequence[Mapping] | None, variables: Sequence[str], field: str) -> None:
    """Raises InvalidInput (``missing_variable_mapping``) unless every variable gets something."""
    mapped = {each.variable for each in mapping or () if each.source is not None}
    if missing := [name for name in variables if name not in mapped]:
        raise InvalidInput(
            f"Variables of the prompt are not mapped: {_listed(missing)}",
            reason="missing_variable_mapping",
            details={"field": field, "variable": missing[0], "variables": missing},
        )


def invalid(field: str, message: str) -> InvalidInput:
    """The error that a field of a body cannot be used."""
    return InvalidInput(message, reason="invalid_body", details={"field": field})


def _check_entry(each: Mapping, variables: Sequence[str], field: str, *, is_experiment: bool) -> None:
    if each.variable not in variables:
        known = _listed(variables) if variables else "none"
        raise InvalidInput(
            f"The prompt has no variable '{each.variable[:100]}'; it has {known}",
            reason="invalid_variable_mapping",
            details={"field": f"{field}.variable", "variable": each.variable[:100]},
        )
    allowed = [str(source) for source in Source if is_experiment or source not in EXPERIMENT_SOURCES]
    if each.source not in allowed:
        raise InvalidInput(
            f"'{each.source}' is no source here; it must be one of {', '.join(allowed)}",
            reason="invalid_variable_mapping",
            details={"field": f"{field}.source", "variable": each.variable, "allowedValues": allowed},
        )
    if each.json_path is not None:
        _check_json_path(each.json_path, each.variable, f"{field}.jsonPath")


def _check_json_path(path: str, variable: str, field: str) -> None:
    is_readable = path.startswith("$") and len(path) <= MAX_JSON_PATH and "\0" not in path
    if is_readable:
        try:
            _PATHS.compile(path)
        except (JSONPathError, RecursionError, ValueError):
            is_readable = False
    if not is_readable:
        raise InvalidInput(
            "The JSONPath cannot be read: it starts with $ and selects as in $.a.b, $['a'][0] or $[*].name",
            reason="invalid_json_path",
            details={"field": field, "variable": variable, "value": path[:MAX_JSON_PATH]},
        )


def _checked_variables(prompt: Sequence[Message]) -> tuple[str, ...]:
    if not 1 <= len(prompt) <= MAX_MESSAGES:
        raise invalid("prompt", f"A prompt has 1 to {MAX_MESSAGES} messages")
    _check_text("".join(each.content for each in prompt), "prompt", MAX_PROMPT, "A prompt")
    return variables_of(prompt)


def _check_model(model: ModelChoice) -> None:
    _check_text(model.provider, "modelConfig.provider", MAX_NAME, "A provider")
    _check_text(model.model, "modelConfig.model", MAX_NAME, "A model")


def _checked_output(output: Output) -> Output:
    for text in (output.reasoning, output.value):
        if text:
            _check_text(text, "outputDefinition", MAX_INSTRUCTIONS, "An instruction")
    bounds = [each for each in (output.least, output.most) if each is not None]
    if not all(math.isfinite(each) for each in bounds) or sorted(bounds) != bounds:
        raise invalid("outputDefinition.minValue", "minValue must not exceed maxValue")
    if output.type is OutputType.CATEGORICAL:
        _check_categories(output.categories)
    return replace(output, reasoning=output.reasoning or None, value=output.value or None)


def _check_categories(categories: Sequence[str]) -> None:
    field = "outputDefinition.categories"
    for each in categories:
        _check_text(each, field, MAX_CATEGORY, "A category")
    if not 2 <= len(categories) <= MAX_CATEGORIES or len(set(categories)) != len(categories):
        raise invalid(field, f"There must be 2 to {MAX_CATEGORIES} categories, each once")


def _check_text(text: str, field: str, most: int, what: str) -> None:
    if not text.strip() or len(text) > most or "\0" in text:
        raise invalid(field, f"{what} has 1 to {most:,} characters, not only blanks and no NUL")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:10])
    return shown + (" and more" if len(names) > 10 else "")
