"""A client with a mask and an environment of its own, for Python 3 and later; prints its trace's id.

The options of a client are those of the first one with its key: hence a process of its own.
"""

# Libraries of an environment of its own.
# mypy: ignore-errors

import sys

from langfuse import Langfuse


def masked(*, data, **_):
    return data.replace("4711", "****") if isinstance(data, str) else data


client = Langfuse(mask=masked, environment="staging", release="r-staging")
with client.start_as_current_observation(name="pay", input="card 4711") as span:
    span.update(output="paid with 4711")
    sys.stdout.write('{"trace_id": "' + span.trace_id + '"}')
# Nothing is flushed by hand: what is left goes out as the process ends.
