"""What identity providers send, read by the rules of SCIM 2.0, and leniently where common ones break them.

Attributes that are not kept here are passed over, so that a provider may push whole profiles. Roles may
come as plain texts, and truth values as texts too.
"""

from typing import Any

import orjson
from pydantic import ValidationError
from scim2_models import (
    Context,
    InvalidFilterException,
    Name,
    PatchOp,
    Role,
    SCIMException,
    ScimFilter,
    ScimPolicy,
    User,
)
from scim2_models.path import CompareOperator, Comparison

from lumenspan.errors import InvalidInput
from lumenspan.identity.domain import Member
from lumenspan.identity.domain import Role as OrganizationRole
from lumenspan.identity.provisioning import Profile

_KEPT = frozenset({"schemas", "id", "username", "name", "displayname", "active", "roles"})
_URN = "urn:ietf:params:scim:schemas:core:2.0:user:"
_LENIENT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    remove_value=ScimPolicy.RemoveValue.apply,
)
_MAX_FILTER = 2_000
# Generic in the extensions of a user, of which there are none.
_PATCH: Any = PatchOp[User]  # type: ignore[type-arg]
_FILTER: Any = ScimFilter[User]  # type: ignore[type-arg]
_MAX_OPERATIONS = 100


class ScimError(InvalidInput):
    """``scim_type`` says what kind of mistake it is, in the words of RFC 7644."""

    def __init__(self, message: str, scim_type: str) -> None:
        super().__init__(message)
        self.scim_type = scim_type


def read_user(body: bytes) -> tuple[str, Profile]:
    """The user name and the profile of a body that says all of a user.

    Raises:
        ScimError: it is no user, or names none.
    """
    given = _kept(_object(body))
    try:
        user: User[Any] = User.model_validate(
            given, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=_LENIENT
        )
    except (ValidationError, SCIMException, RecursionError) as error:
        raise _translated(error) from error
    if not user.user_name:
        raise ScimError("userName is required", "invalidValue")
    return user.user_name, Profile(_name(user), _role(user), user.active)


def read_patch(body: bytes, member: Member) -> tuple[str, Profile]:
    """What the operations make of a member: the user name, and what differs from before.

    Raises:
        ScimError: there are no operations, or one cannot be carried out.
    """
    given = _object(body)
    operations = next((value for name, value in given.items() if name.lower() == "operations"), None)
    if not isinstance(operations, list) or not 0 < len(operations) <= _MAX_OPERATIONS:
        raise ScimError(f"Operations must be a list of 1 to {_MAX_OPERATIONS} operations", "invalidSyntax")
    kept = [each for each in map(_kept_operation, operations) if each is not None]
    before = _user(member)
    after = before.model_copy(deep=True)
    if kept:
        try:
            patch = _PATCH.model_validate(
                {"Operations": kept}, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=_LENIENT
            )
            patch.patch(after, scim_policy=_LENIENT)
        except (ValidationError, SCIMException, RecursionError, TypeError) as error:
            raise _translated(error) from error
    profile = Profile(
        _name(after) if _name(after) != _name(before) else None,
        _role(after) if after.roles != before.roles else None,
        after.active if after.active != before.active else None,
    )
    return after.user_name or member.user.email, profile


def read_filter(text: str) -> str:
    """The address that a filter ``userName eq "…"`` asks for.

    Raises:
        ScimError: it is another filter, or none.
    """
    try:
        if len(text) > _MAX_FILTER:
            raise InvalidFilterException
        found = _FILTER(text).ast
    except (SCIMException, ValueError, RecursionError) as error:
        raise ScimError("The filter cannot be read", "invalidFilter") from error
    if (
        not isinstance(found, Comparison)
        or found.op is not CompareOperator.eq
        or found.attr_path.attr.lower() != "username"
        or not isinstance(found.value, str)
    ):
        raise ScimError('Only the filter userName eq "value" is supported', "invalidFilter")
    return found.value


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ScimError("The body is not valid JSON", "invalidSyntax") from None
    if not isinstance(given, dict):
        raise ScimError("The body must be a JSON object", "invalidSyntax")
    return given


def _root(name: str) -> str:
    """The attribute that a path or a name leads into, in lower case."""
    lowered = name.lower().removeprefix(_URN)
    return lowered.partition("[")[0].partition(".")[0].strip()


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _listed(value) if _root(name) == "roles" else value
        for name, value in given.items()
        if _root(name) in _KEPT
    }


def _kept_operation(operation: Any) -> Any:
    """The operation as far as it concerns what is kept; None where it does not."""
    if not isinstance(operation, dict):
        return operation
    given = {str(name).lower(): value for name, value in operation.items()}
    path, value = given.get("path"), given.get("value")
    if isinstance(path, str) and path:
        if _root(path) not in _KEPT:
            return None
        return {**given, "value": _listed(value)} if path.lower().endswith("roles") else given
    if not isinstance(value, dict):
        return given
    kept = _kept(value)
    return {**given, "value": kept} if kept else None


def _listed(roles: Any) -> Any:
    """Roles as SCIM has them, a list of objects, also where they are plain texts."""
    listed = roles if isinstance(roles, list) else [] if roles is None else [roles]
    return [{"value": each} if isinstance(each, str) else each for each in listed]


def _user(member: Member) -> User[Any]:
    return User(
        id=member.user.id,
        user_name=member.user.email,
        active=not member.is_suspended,
        name=Name(formatted=member.user.name) if member.user.name else None,
        display_name=member.user.name,
        roles=[Role(value=member.role.value)],
    )


def _name(user: User[Any]) -> str | None:
    """The full name, from what of it there is."""
    if user.name is not None:
        parts = " ".join(filter(None, (user.name.given_name, user.name.family_name)))
        if parts or user.name.formatted:
            return user.name.formatted or parts
    return user.display_name


def _role(user: User[Any]) -> OrganizationRole | None:
    """The first role; None where none is named."""
    value = user.roles[0].value if user.roles else None
    if not value:
        return None
    try:
        return OrganizationRole(value.strip().upper())
    except ValueError:
        known = ", ".join(OrganizationRole)
        raise ScimError(f"roles holds one of {known}", "invalidValue") from None


def _translated(error: Exception) -> ScimError:
    """The library's error in a sentence: where it is and what it is, no more."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        scim_type = first.get("ctx", {}).get("scim_type") or "invalidValue"
        message = first["msg"].splitlines()[0]
        return ScimError(f"{place}: {message}" if place else message, str(scim_type))
    if isinstance(error, SCIMException):
        detail = str(error.detail or "")
        if not detail or "\n" in detail:
            detail = "A value does not fit its attribute"
        return ScimError(detail, str(error.scim_type or "invalidValue"))
    return ScimError("The body cannot be read", "invalidSyntax")
