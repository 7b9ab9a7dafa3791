from __future__ import annotations

from lumenspan.embedded.up import _unless_set

OURS = {
    "DATABASE_URL": "postgresql://ours",
    "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET": "lumenspan",
    "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": "http://127.0.0.1:8333",
    "LANGFUSE_S3_MEDIA_UPLOAD_PREFIX": "media/",
}


class TestMediaOfTheUser:
    def test_without_any_our_store_serves_it(self) -> None:
        assert _unless_set(OURS, {"LANGFUSE_S3_MEDIA_UPLOAD_BUCKET": ""}) == OURS

    def test_another_endpoint_of_our_store_is_kept(self) -> None:
        given = {"LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": "https://files.example.com"}
        kept = _unless_set(OURS, given)
        assert set(OURS) - set(kept) == set(given)

    def test_a_bucket_of_their_own_replaces_all_of_it(self) -> None:
        given = {"LANGFUSE_S3_MEDIA_UPLOAD_BUCKET": "theirs", "DATABASE_URL": "postgresql://theirs"}
        assert _unless_set(OURS, given) == {"DATABASE_URL": "postgresql://ours"}
