"""Answers of the SCIM routes: users, and what the service says of itself."""

from functools import cache
from typing import Any

from msgspec import field
from scim2_models import User

from lumenspan.clock import datetime_to_iso
from lumenspan.identity.domain import Member
from lumenspan_server.operations import Wire

BASE = "/api/public/scim"
USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_DOCUMENTED = frozenset({"userName", "name", "active", "emails", "roles"})
_DOCUMENTATION = "https://www.rfc-editor.org/rfc/rfc7644"
MAX_COUNT = 1_000


class ScimName(Wire):
    formatted: str | None = None


class ScimEmail(Wire):
    primary: bool
    value: str
    type: str


class UserMeta(Wire):
    resource_type: str
    created: str | None = None
    last_modified: str | None = None


class ScimUser(Wire):
    """A member; ``roles`` holds the one role in the organization."""

    schemas: list[str]
    id: str
    user_name: str
    name: ScimName
    emails: list[ScimEmail]
    meta: UserMeta
    active: bool
    roles: list[str]

    @classmethod
    def of(cls, member: Member) -> "ScimUser":
        user = member.user
        return cls(
            schemas=[USER_URN],
            id=user.id,
            user_name=user.email,
            name=ScimName(formatted=user.name),
            emails=[ScimEmail(primary=True, value=user.email, type="work")],
            meta=UserMeta(
                resource_type="User",
                created=datetime_to_iso(user.created_at),
                last_modified=datetime_to_iso(user.updated_at),
            ),
            active=not member.is_suspended,
            roles=[member.role.value],
        )


class ScimUsersListResponse(Wire):
    schemas: list[str]
    total_results: int
    start_index: int
    items_per_page: int
    resources: list[ScimUser] = field(name="Resources")

    @classmethod
    def of(cls, members: list[Member], total: int, start: int) -> "ScimUsersListResponse":
        return cls(
            schemas=[_LIST_URN],
            total_results=total,
            start_index=start,
            items_per_page=len(members),
            resources=[ScimUser.of(member) for member in members],
        )


class ResourceMeta(Wire):
    resource_type: str
    location: str


class FeatureSupport(Wire):
    supported: bool


class BulkConfig(Wire):
    supported: bool
    max_operations: int
    max_payload_size: int


class FilterConfig(Wire):
    supported: bool
    max_results: int


class AuthenticationScheme(Wire):
    name: str
    description: str
    spec_uri: str
    type: str
    primary: bool


class ServiceProviderConfig(Wire):
    schemas: list[str]
    documentation_uri: str
    patch: FeatureSupport
    bulk: BulkConfig
    filter: FilterConfig
    change_password: FeatureSupport
    sort: FeatureSupport
    etag: FeatureSupport
    authentication_schemes: list[AuthenticationScheme]
    meta: ResourceMeta


class SchemaExtension(Wire):
    schema: str
    required: bool


class ResourceType(Wire):
    id: str
    name: str
    endpoint: str
    description: str
    schema: str
    schema_extensions: list[SchemaExtension]
    meta: ResourceMeta
    schemas: list[str] | None = None


class ResourceTypesResponse(Wire):
    schemas: list[str]
    total_results: int
    resources: list[ResourceType] = field(name="Resources")


class SchemaResource(Wire):
    id: str
    name: str
    description: str
    attributes: list[Any]
    meta: ResourceMeta


class SchemasResponse(Wire):
    schemas: list[str]
    total_results: int
    resources: list[SchemaResource] = field(name="Resources")


def service_provider_config() -> ServiceProviderConfig:
    """What of SCIM there is."""
    no = FeatureSupport(supported=False)
    return ServiceProviderConfig(
        schemas=[_CORE + "ServiceProviderConfig"],
        documentation_uri=_DOCUMENTATION,
        patch=FeatureSupport(supported=True),
        bulk=BulkConfig(supported=False, max_operations=0, max_payload_size=0),
        filter=FilterConfig(supported=True, max_results=MAX_COUNT),
        change_password=no,
        sort=no,
        etag=no,
        authentication_schemes=[
            AuthenticationScheme(
                name="HTTP Basic",
                description="Public and secret key of an organization",
                spec_uri="https://www.rfc-editor.org/rfc/rfc7617",
                type="httpbasic",
                primary=True,
            )
        ],
        meta=ResourceMeta(resource_type="ServiceProviderConfig", location=f"{BASE}/ServiceProviderConfig"),
    )


def resource_types() -> ResourceTypesResponse:
    """Users, and nothing else."""
    users = ResourceType(
        schemas=[_CORE + "ResourceType"],
        id="User",
        name="User",
        endpoint="/Users",
        description="Members of the organization",
        schema=USER_URN,
        schema_extensions=[],
        meta=ResourceMeta(resource_type="ResourceType", location=f"{BASE}/ResourceTypes/User"),
    )
    return ResourceTypesResponse(schemas=[_LIST_URN], total_results=1, resources=[users])


@cache
def schemas() -> SchemasResponse:
    """The schema of users, as far as it is kept here."""
    attributes = [
        each for each in User.to_schema().model_dump()["attributes"] if each["name"] in _DOCUMENTED
    ]
    users = SchemaResource(
        id=USER_URN,
        name="User",
        description="Members of the organization",
        attributes=[_plain_roles() if each["name"] == "roles" else each for each in attributes],
        meta=ResourceMeta(resource_type="Schema", location=f"{BASE}/Schemas/{USER_URN}"),
    )
    return SchemasResponse(schemas=[_LIST_URN], total_results=1, resources=[users])


def _plain_roles() -> dict[str, Any]:
    return {
        "name": "roles",
        "type": "string",
        "multiValued": True,
        "description": "The role in the organization",
        "canonicalValues": ["NONE", "VIEWER", "MEMBER", "ADMIN", "OWNER"],
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }
