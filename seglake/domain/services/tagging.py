"""Tags of versions and of buckets are read and replaced here, always all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.events import TagsSet
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.names import check_key
from seglake.domain.model.tagging import check_bucket_tags, check_object_tags, parse_text, to_text
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView

from .bucket_settings import SetConfig, configs_of
from .facts import bucket_named, object_version_of
from .object_writes import shown_version


@dataclass(frozen=True, slots=True)
class SetTags:
    """The commit of PutObjectTagging and DeleteObjectTagging (``tags`` empty); returns the version id shown."""

    bucket: str
    key: str
    version: str | None
    tags: Pairs

    def __call__(self, tx: MetadataTx) -> str | None:
        """Replaces the tags of one version. NoSuchKey, NoSuchVersion, IsDeleteMarker."""
        bucket = bucket_named(tx, self.bucket)
        found = object_version_of(tx, bucket, self.key, self.version)
        if found.tags != self.tags:
            tx.record(TagsSet(tx.tick(), bucket.id, self.key, found.manifest.stamp, self.tags))
        return shown_version(bucket, found.manifest)


class Tagging:
    """The tagging operations."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    def of_object(self, bucket: str, key: str, version: str | None) -> tuple[Pairs, str | None]:
        """A version's tags and the id to show. NoSuchBucket, NoSuchKey, NoSuchVersion, IsDeleteMarker."""
        check_key(key)

        def facts(view: MetadataView) -> tuple[Pairs, str | None]:
            found = bucket_named(view, bucket)
            tagged = object_version_of(view, found, key, version)
            return tagged.tags, shown_version(found, tagged.manifest)

        return self._metadata.read(facts)

    async def tag_object(self, bucket: str, key: str, version: str | None, tags: Pairs) -> str | None:
        """Replaces a version's tags; the version id to show. As SetTags, InvalidTag, TooManyTags."""
        check_object_tags(tags)
        return await self._committer.commit(SetTags(bucket, check_key(key), version, tags))

    def of_bucket(self, bucket: str) -> Pairs:
        """A bucket's tags, empty without any. NoSuchBucket."""

        def text(view: MetadataView) -> str | None:
            return configs_of(view, bucket_named(view, bucket)).get(ConfigKind.TAGGING)

        found = self._metadata.read(text)
        return () if found is None else parse_text(found)

    async def tag_bucket(self, bucket: str, tags: Pairs) -> None:
        """Replaces a bucket's tags; none removes them. NoSuchBucket, InvalidTag, TooManyTags."""
        check_bucket_tags(tags)
        await self._committer.commit(SetConfig(bucket, ConfigKind.TAGGING, to_text(tags) if tags else ""))
