"""Connections never take the descriptors that the store's files need: a store that cannot open a file has failed."""

from __future__ import annotations

import resource

from seglake.adapters.http_s3.listener import BACKLOG

FILES = 512
"""Descriptors for segments, the index, its readers, and what the process has open besides."""

_SPARE = FILES + BACKLOG
"""A connection above the limit is accepted before it is turned away: so many may come in one turn of the loop."""


def raise_limit(connections: int) -> None:
    """Asks the system for as many descriptors as ``connections`` need, up to what it allows this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_within_limits(connections: int) -> int:
    """``connections``, or as many as the process's descriptors allow beside the store's files; at least 16."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(16, soft - min(_SPARE, soft // 2)))
