"""What a bucket is configured with: one text for each kind, kept exactly as the model of that kind wrote it.

A text is a pure function of the value it stands for, so whoever reads one may remember what it parsed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ConfigKind(StrEnum):
    """One kind of configuration; the values are kept on disk and never change."""

    ACL = "acl"
    CORS = "cors"
    ENCRYPTION = "encryption"
    LIFECYCLE = "lifecycle"
    OBJECT_LOCK = "object-lock"
    OWNERSHIP = "ownership"
    POLICY = "policy"
    PUBLIC_ACCESS = "public-access"
    TAGGING = "tagging"


Configs = Mapping[ConfigKind, str]
"""The configuration texts of one bucket; a kind that was never set, or was removed, is missing."""

NO_CONFIGS: Configs = MappingProxyType({})

CONFIG_CHARACTERS_MAX = 1 << 20
"""No text is longer; the limits of the kinds are far below."""
