"""Operations that collect garbage; each is a job, and what a plan says is what the run beside it does."""

from __future__ import annotations

from functools import partial

from seglake.domain.model.errors import InvalidArgument
from seglake.domain.services.gc_plan import Limits
from seglake.domain.services.mpu_gc import TTL_S
from seglake.domain.services.rewrite import THRESHOLD

from .operation import AdminServices, Operation, Parameter, Result
from .upkeep import job_result

_NUMBER = Parameter("number", required=False)
LIMITS = {
    "warn_segments": _NUMBER,
    "warn_bytes": _NUMBER,
    "max_segments": _NUMBER,
    "max_bytes": _NUMBER,
    "min_age_s": _NUMBER,
}
_THRESHOLD = {"live_percent": _NUMBER}


def _limits(given: dict[str, int | None]) -> Limits:
    return Limits(
        given["warn_segments"] or 0,
        given["warn_bytes"] or 0,
        given["max_segments"] or 0,
        given["max_bytes"] or 0,
        float(given["min_age_s"] or 0),
    )


def _threshold(percent: int | None) -> float:
    if percent is None:
        return THRESHOLD
    if percent > 100:
        raise InvalidArgument("live_percent", str(percent), "at most 100")
    return percent / 100


async def _plan(s: AdminServices, **given: int | None) -> Result:
    return job_result(s.jobs.start("gc-plan", partial(s.upkeep.gc_plan, limits=_limits(given))))


async def _run(s: AdminServices, **given: int | None) -> Result:
    return job_result(s.jobs.start("gc-run", partial(s.upkeep.gc_run, limits=_limits(given))))


async def _rewrite_plan(s: AdminServices, *, live_percent: int | None, **given: int | None) -> Result:
    work = partial(s.upkeep.rewrite_plan, limits=_limits(given), threshold=_threshold(live_percent))
    return job_result(s.jobs.start("gc-rewrite-plan", work))


async def _rewrite_run(
    s: AdminServices, *, live_percent: int | None, bytes_per_s: int | None, **given: int | None
) -> Result:
    work = partial(
        s.upkeep.rewrite_run,
        limits=_limits(given),
        threshold=_threshold(live_percent),
        bytes_per_s=bytes_per_s or 0,
    )
    return job_result(s.jobs.start("gc-rewrite-run", work))


async def _uploads_plan(s: AdminServices, *, ttl_s: int | None) -> Result:
    work = partial(s.upkeep.uploads_plan, ttl_s=TTL_S if ttl_s is None else ttl_s)
    return job_result(s.jobs.start("mpu-gc-plan", work))


async def _uploads_run(s: AdminServices, *, ttl_s: int | None, max_uploads: int | None) -> Result:
    ttl = TTL_S if ttl_s is None else ttl_s
    work = partial(s.upkeep.uploads_run, ttl_s=ttl, uploads_max=max_uploads or 0)
    return job_result(s.jobs.start("mpu-gc-run", work))


GARBAGE_OPERATIONS = {
    "gc.plan": Operation("starts a job that says which segments hold nothing that is needed", _plan, LIMITS),
    "gc.run": Operation("starts a job that dooms these segments; their space comes back after a while", _run, LIMITS),
    "gc.rewrite-plan": Operation(
        "starts a job that says which segments are worth rewriting: less than `live_percent` of them stays",
        _rewrite_plan,
        {**LIMITS, **_THRESHOLD},
    ),
    "gc.rewrite-run": Operation(
        "starts a job that moves what is alive out of these segments and dooms them",
        _rewrite_run,
        {**LIMITS, **_THRESHOLD, "bytes_per_s": _NUMBER},
    ),
    "mpu-gc.plan": Operation(
        "starts a job that lists uploads that began, or were completed, more than `ttl_s` seconds ago",
        _uploads_plan,
        {"ttl_s": _NUMBER},
    ),
    "mpu-gc.run": Operation(
        "starts a job that gives these uploads up", _uploads_run, {"ttl_s": _NUMBER, "max_uploads": _NUMBER}
    ),
}
