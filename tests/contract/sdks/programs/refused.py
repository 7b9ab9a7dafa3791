"""A client whose keys are not those of a project; prints what ``auth_check`` raises."""

# Libraries of an environment of its own.
# mypy: ignore-errors

import json
import sys

import common
from langfuse import Langfuse

sys.stdout.write(json.dumps(common.refusal(Langfuse().auth_check)))
