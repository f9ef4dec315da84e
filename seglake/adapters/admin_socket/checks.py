"""Operations that look at a whole store; each is a job. They need nothing but the jobs and the checks themselves."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from seglake.domain.services.jobs import Jobs

from .operation import Checks, Operation, Parameter, Result
from .upkeep import job_result


class CheckServices(Protocol):
    """What these operations reach."""

    @property
    def jobs(self) -> Jobs:
        """Where they run."""
        ...

    @property
    def checks(self) -> Checks:
        """What they do."""
        ...


async def _status(s: CheckServices, *, live: bool | None) -> Result:
    return job_result(s.jobs.start("status", partial(s.checks.status, live=bool(live))))


async def _fsck(s: CheckServices, *, deep: bool | None) -> Result:
    return job_result(s.jobs.start("fsck", partial(s.checks.fsck, deep=bool(deep))))


async def _repair(s: CheckServices, *, deep: bool | None, dry_run: bool | None) -> Result:
    work = partial(s.checks.repair, deep=bool(deep), dry_run=bool(dry_run))
    return job_result(s.jobs.start("fsck-repair", work))


async def _scrub(s: CheckServices, *, dead: bool | None, dry_run: bool | None) -> Result:
    return job_result(s.jobs.start("scrub", partial(s.checks.scrub, dead=bool(dead), mark=not dry_run)))


async def _rebuild(s: CheckServices) -> Result:
    return job_result(s.jobs.start("rebuild-index", s.checks.rebuild))


_FLAG = Parameter("flag", required=False)

CHECK_OPERATIONS = {
    "status.start": Operation(
        "starts a job that counts what the store holds; with `live` also the bytes in use", _status, {"live": _FLAG}
    ),
    "fsck.start": Operation(
        "starts a job that compares index and segments; with `deep` it reads every payload", _fsck, {"deep": _FLAG}
    ),
    "fsck.repair": Operation(
        "starts a job that repairs; a server refuses, because that needs the store for itself",
        _repair,
        {"deep": _FLAG, "dry_run": _FLAG},
    ),
    "scrub.start": Operation(
        "starts a job that reads all live payload (`dead`: and everything else) and marks damaged versions",
        _scrub,
        {"dead": _FLAG, "dry_run": _FLAG},
    ),
    "index.rebuild": Operation(
        "starts a job that makes the index anew; a server refuses, because that needs the store for itself", _rebuild
    ),
}
