"""The product's own interfaces as the measurements use them: one open connection, no retries."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

from bench.report import Failed
from bench.system import System

_HEADERS = {"Content-Type": "application/json"}


def basic(public_key: str, secret_key: str) -> str:
    """The Authorization header of a key pair."""
    return "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


class Api:
    """One connection to the server, signed in with an Authorization header."""

    def __init__(self, port: int, authorization: str) -> None:
        self.authorization = authorization
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        """The data of an operation; Failed when there are errors."""
        return self.operation(query, None, **variables)

    def operation(self, document: str, name: str | None, **variables: object) -> dict[str, Any]:
        """The same of one operation of several in a document."""
        body = json.dumps({"query": document, "operationName": name, "variables": variables})
        status, text = self.post("/graphql", body.encode(), _HEADERS)
        answer = json.loads(text)
        if status != 200 or answer.get("errors"):
            raise Failed(f"GraphQL answered {status}: {text[:300].decode(errors='replace')}")
        data: dict[str, Any] = answer["data"]
        return data

    def export(self, body: bytes) -> None:
        """Send an OTLP request; Failed unless it is accepted whole."""
        status, text = self.post(
            "/api/public/otel/v1/traces", body, {"Content-Type": "application/x-protobuf"}
        )
        if status != 200 or text:
            raise Failed(f"OTLP answered {status}: {text[:300].decode(errors='replace')}")

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._connection.request("POST", path, body, headers | {"Authorization": self.authorization})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()


def of_project(system: System) -> Api:
    """A client with the keys of the system's first project."""
    env = system.env
    keys = (env["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"], env["LANGFUSE_INIT_PROJECT_SECRET_KEY"])
    return Api(system.port, basic(*keys))


def of_new_project(system: System, name: str) -> tuple[Api, str]:
    """A client of a person who just made an empty project, and the id of that project."""
    env = system.env
    anyone = Api(system.port, "")
    signed_in = anyone.graphql(
        "mutation($input: SignInInput!) { signIn(input: $input) { token } }",
        input={"email": env["LANGFUSE_INIT_USER_EMAIL"], "password": env["LANGFUSE_INIT_USER_PASSWORD"]},
    )
    anyone.close()
    api = Api(system.port, f"Bearer {signed_in['signIn']['token']}")
    made = api.graphql(
        "mutation($input: CreateProjectInput!) { createProject(input: $input) { id } }",
        input={"organizationId": env["LANGFUSE_INIT_ORG_ID"], "name": name},
    )
    return api, made["createProject"]["id"]
