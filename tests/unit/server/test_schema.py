"""Rules of the GraphQL schema: the file is current, every mutation has a permission."""

from __future__ import annotations

from pathlib import Path

from graphql import GraphQLObjectType

from lumenspan_server.gql.permissions import PERMISSIONS
from lumenspan_server.gql.schema import make_schema
from lumenspan_server.schema import main, schema_text


class TestSchemaFile:
    def test_the_committed_file_is_current(self) -> None:
        path = Path(__file__).resolve().parents[3] / "graphql" / "schema.graphql"
        assert path.read_text() == schema_text()

    def test_check_tells_an_old_file_from_a_current_one(self, tmp_path: Path) -> None:
        path = tmp_path / "schema.graphql"
        assert main(["--check", str(path)]) == 1
        assert main([str(path)]) == 0
        assert main(["--check", str(path)]) == 0
        path.write_text(path.read_text() + "\n# changed")
        assert main(["--check", str(path)]) == 1


class TestPermissions:
    def test_every_mutation_says_what_it_needs(self) -> None:
        mutation = make_schema()._schema.mutation_type
        assert isinstance(mutation, GraphQLObjectType)
        assert set(mutation.fields) == set(PERMISSIONS)
