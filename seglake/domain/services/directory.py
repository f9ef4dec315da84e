"""A user's name and its canonical id say the same; this is the one place that turns one into the other."""

from __future__ import annotations

from seglake.domain.model.manifest import ROOT
from seglake.domain.model.user import UserState, canonical_id
from seglake.domain.ports.metadata import MetadataStore, MetadataView


class Directory:
    """The canonical ids of one store. Its site never changes while it runs."""

    def __init__(self, metadata: MetadataStore) -> None:
        self._metadata = metadata
        self._site: int | None = None

    @property
    def site(self) -> int:
        """The site that the ids follow from."""
        if self._site is None:
            self._site = self._metadata.read(lambda view: view.settings.site())
        return self._site

    def id_of(self, name: str) -> str:
        """The canonical id of a user; also of a name that is nobody's any more."""
        return canonical_id(self.site, name)

    def name_of(self, wanted: str) -> str | None:
        """The user, not deleted, whose canonical id this is; None when there is none."""
        site = self.site

        def names(view: MetadataView) -> list[str]:
            return [ROOT, *[user.name for user in view.users.scan() if user.state is not UserState.DELETED]]

        for name in self._metadata.read(names):
            if canonical_id(site, name) == wanted:
                return name
        return None
