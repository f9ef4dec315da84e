"""Operations that keep a store: maintenance, and long work as jobs, which are started here and asked about."""

from __future__ import annotations

from functools import partial

from seglake.adapters.s3_protocol.http_dates import iso_date
from seglake.domain.model.errors import InvalidArgument
from seglake.domain.services.jobs import Job
from seglake.domain.services.maintenance import WAIT_S, MaintenanceReport

from .operation import OPTIONAL, REQUIRED, AdminServices, Operation, Parameter, Result

WAIT_S_MAX = 50


def _state(report: MaintenanceReport) -> Result:
    present = report.maintenance
    return {
        "state": present.state.value,
        "since": iso_date(present.since_ms) if present.since_ms else None,
        "reason": present.reason,
        "writes_under_way": report.under_way,
    }


async def _status(s: AdminServices) -> Result:
    return _state(s.maintenance.status())


async def _enable(s: AdminServices, *, reason: str | None, wait_s: int | None) -> Result:
    if wait_s is not None and wait_s > WAIT_S_MAX:
        raise InvalidArgument("wait_s", str(wait_s), f"at most {WAIT_S_MAX} seconds")
    done = await s.maintenance.enable(reason or "", wait_s=WAIT_S if wait_s is None else wait_s)
    return {**_state(done), "waited_s": round(done.waited_s, 3), "cut_off": done.cut_off}


async def _disable(s: AdminServices) -> Result:
    return _state(await s.maintenance.disable())


def job_result(job: Job) -> Result:
    """A job as it is told."""
    return {
        "job": job.number,
        "name": job.name,
        "begun": iso_date(job.begun_ms),
        "ended": None if job.ended_ms is None else iso_date(job.ended_ms),
        "stage": job.stage,
        "unit": job.unit,
        "done": job.done,
        "total": job.total,
        "result": None if job.result is None else dict(job.result),
        "error": None if job.error is None else {"code": job.error[0], "message": job.error[1]},
    }


async def _job(s: AdminServices, *, job: int) -> Result:
    return job_result(s.jobs.get(job))


async def _recent(s: AdminServices) -> Result:
    return {"jobs": [{**job_result(job), "result": None} for job in s.jobs.recent()]}


async def _stop(s: AdminServices) -> Result:
    s.jobs.stop()
    return {}


async def _snapshot(
    s: AdminServices, *, target: str, data: bool | None, link: bool | None, key: bool | None, bytes_per_s: int | None
) -> Result:
    if not target.startswith("/"):
        raise InvalidArgument("target", target[:80], "write an absolute path: the server has a directory of its own")
    work = partial(
        s.upkeep.snapshot, target=target, data=bool(data), link=link is not False, key=bool(key),
        bytes_per_s=bytes_per_s or 0,
    )  # fmt: skip
    return job_result(s.jobs.start("snapshot", work))


async def _check_index(s: AdminServices) -> Result:
    return job_result(s.jobs.start("db-integrity-check", s.upkeep.check_index))


async def _reindex(s: AdminServices) -> Result:
    return job_result(s.jobs.start("db-reindex", s.upkeep.reindex))


async def _support(s: AdminServices, *, with_keys: bool | None) -> Result:
    return job_result(s.jobs.start("support-bundle", partial(s.upkeep.support, with_keys=bool(with_keys))))


_OPTIONAL_FLAG = Parameter("flag", required=False)
_OPTIONAL_NUMBER = Parameter("number", required=False)

UPKEEP_OPERATIONS = {
    "maintenance.status": Operation("says whether writes are taken", _status),
    "maintenance.enable": Operation(
        "refuses new writes, waits for those under way (at most `wait_s`), then refuses every commit",
        _enable,
        {"reason": OPTIONAL, "wait_s": _OPTIONAL_NUMBER},
    ),
    "maintenance.disable": Operation("takes writes again", _disable),
    "job.list": Operation("lists the last jobs of this server, without their results", _recent),
    "job.status": Operation("says how far a job is, and its result at the end", _job, {"job": Parameter("number")}),
    "job.stop": Operation("asks the running job to stop", _stop),
    "snapshot.start": Operation(
        "starts a job that takes a snapshot into the new or empty directory `target`",
        _snapshot,
        {
            "target": REQUIRED,
            "data": _OPTIONAL_FLAG,
            "link": _OPTIONAL_FLAG,
            "key": _OPTIONAL_FLAG,
            "bytes_per_s": _OPTIONAL_NUMBER,
        },
    ),
    "db.check": Operation("starts a job that checks the index's pages and rows", _check_index),
    "db.reindex": Operation("starts a job that builds the index's own indexes anew; only in maintenance", _reindex),
    "support.start": Operation(
        "starts a job that gathers what a support bundle tells", _support, {"with_keys": _OPTIONAL_FLAG}
    ),
}
