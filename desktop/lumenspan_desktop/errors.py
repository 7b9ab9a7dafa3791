"""What can go wrong between the desktop and a server, in words for the person in front of it."""

from enum import StrEnum


class Problem(StrEnum):
    """Kinds of failure; the server's `extensions.code` where it sent one."""

    INVALID_INPUT = "INVALID_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    ACCESS_DENIED = "ACCESS_DENIED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    UNAVAILABLE = "UNAVAILABLE"
    QUERY_TOO_EXPENSIVE = "QUERY_TOO_EXPENSIVE"
    INTERNAL = "INTERNAL"


class ClientError(Exception):
    """A request that failed, ready to be shown.

    Attributes:
        problem: the kind; decides whether trying again can help.
        message: one sentence for the person.
    """

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later without any change."""
        return self.problem in (Problem.UNAVAILABLE, Problem.INTERNAL)


def problem_of(code: object) -> Problem:
    """The kind for a server's `extensions.code`; `INTERNAL` for a missing or unknown one."""
    try:
        return Problem(str(code))
    except ValueError:
        return Problem.INTERNAL
