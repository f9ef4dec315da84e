"""A bucket's configuration is set by one script and read by one function, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import CONFIG_CHARACTERS_MAX, NO_CONFIGS, ConfigKind, Configs
from seglake.domain.model.events import BucketConfigured
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView

from .facts import bucket_named


def configs_of(view: MetadataView | MetadataTables, bucket: Bucket) -> Configs:
    """The configuration texts of a bucket; no lookup for one that never had any."""
    return view.configs.of(bucket) if bucket.configured else NO_CONFIGS


@dataclass(frozen=True, slots=True)
class SetConfig:
    """The commit of every PutBucket... and DeleteBucket... of a configuration; an empty text removes it."""

    bucket: str
    kind: ConfigKind
    text: str

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketConfigured, or nothing when nothing changes. NoSuchBucket."""
        assert len(self.text) <= CONFIG_CHARACTERS_MAX, "the limits of the kinds are far below"
        bucket = bucket_named(tx, self.bucket)
        if configs_of(tx, bucket).get(self.kind, "") != self.text:
            tx.record(BucketConfigured(tx.tick(), bucket.id, self.kind, self.text))


class BucketSettings:
    """Reads and sets the configuration of buckets. What a text means, its kind's model knows."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    def get(self, bucket: str, kind: ConfigKind) -> str | None:
        """The text of one kind, None when there is none. NoSuchBucket."""
        return self.all(bucket).get(kind)

    def all(self, bucket: str) -> Configs:
        """Every text. NoSuchBucket."""
        return self._metadata.read(lambda view: configs_of(view, bucket_named(view, bucket)))

    async def put(self, bucket: str, kind: ConfigKind, text: str) -> None:
        """Sets one text. NoSuchBucket."""
        assert text, "an empty text would remove it"
        await self._committer.commit(SetConfig(bucket, kind, text))

    async def remove(self, bucket: str, kind: ConfigKind) -> None:
        """Removes one text; removing what is not there succeeds. NoSuchBucket."""
        await self._committer.commit(SetConfig(bucket, kind, ""))
