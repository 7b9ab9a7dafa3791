"""What each GraphQL mutation needs; a test walks the schema, so that none is forgotten.

Every module of mutations declares its own ``PERMISSIONS``: name of the mutation, then who may call it.
"""

from lumenspan_server.identity import mutations as identity
from lumenspan_server.ingestion import mutations as ingestion
from lumenspan_server.models import mutations as models
from lumenspan_server.traces import mutations as traces

PERMISSIONS = {**identity.PERMISSIONS, **ingestion.PERMISSIONS, **models.PERMISSIONS, **traces.PERMISSIONS}
