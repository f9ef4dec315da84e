"""A job is started, followed to its end and, on Ctrl-C, stopped: the same whether a server runs it or the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglake.adapters.system.clock import block_s
from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.progress import Progress, Stages

from .output import offline_settings, quiet_log, shown_stages, told

if TYPE_CHECKING:
    from seglake.entrypoints.admin_channel import Channel

_LOOK_S = 0.1


class JobFailed(SeglakeError):
    """The job ended without a result; the text says why."""


@contextmanager
def following(data_dir: Path | None, *, as_json: bool) -> Iterator[tuple[Channel, Stages]]:
    """The way to the store, and where progress is shown."""
    from seglake.entrypoints.admin_channel import open_channel

    with (
        told(as_json=as_json),
        shown_stages() as stages,
        open_channel(offline_settings(data_dir), quiet_log(), stages=stages) as channel,
    ):
        yield channel, stages


def check(data_dir: Path | None, method: str, parameters: Mapping[str, Any], *, as_json: bool) -> dict[str, Any]:
    """The result of a check: by the server that has the store, else on the store as the last process left it."""
    from seglake.entrypoints.admin_channel import open_checks

    with (
        told(as_json=as_json),
        shown_stages() as stages,
        open_checks(offline_settings(data_dir), quiet_log(), stages=stages) as channel,
    ):
        return run_job(channel, stages, method, parameters)


def run_job(channel: Channel, stages: Stages, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The job's result. JobFailed; KeyboardInterrupt stops the job and goes on."""
    job = channel.call(method, parameters)
    shown: Progress | None = None
    stage, done = "", 0
    try:
        while job["ended"] is None:
            if job["stage"] and job["stage"] != stage:
                stage, done = job["stage"], 0
                shown = stages(stage, job["unit"])
            if shown is not None and job["total"]:
                shown.total(job["total"])
                shown.advance(job["done"] - done)
                done = job["done"]
            block_s(_LOOK_S)
            job = channel.call("job.status", {"job": job["job"]})
    except KeyboardInterrupt:
        channel.call("job.stop", {})
        raise
    if job["error"] is not None:
        raise JobFailed(job["error"]["message"])
    result: dict[str, Any] = job["result"]
    return result
