"""Operations on lifecycle rules: which there are, and what they would do at a time."""

from __future__ import annotations

import json

from seglake.domain.model.lifecycle import to_text
from seglake.domain.services.facts import bucket_named
from seglake.domain.services.lifecycle_explaining import due_page
from seglake.domain.services.lifecycle_scan import Due, lifecycle_of, moment

from .operation import OPTIONAL, REQUIRED, AdminServices, Operation, Parameter, Result


def _due(due: Due) -> Result:
    decision = due.decision
    subject: Result = {"upload": due.upload} if due.upload else {"version": due.version, "size": due.size}
    return {
        "key": due.key,
        **subject,
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "due": moment(decision.due_ms),
        "kept": due.kept or None,
    }


async def _show(s: AdminServices, *, bucket: str) -> Result:
    found = s.metadata.read(lambda view: lifecycle_of(view, bucket_named(view, bucket)))
    rules = [] if found is None else json.loads(to_text(found))["rules"]
    return {"bucket": bucket, "rules": rules}


async def _explain(
    s: AdminServices, *, bucket: str, at_ms: int | None, day_ms: int | None, cursor: str | None
) -> Result:
    at = s.clock.now_ms() if at_ms is None else at_ms
    day = s.lifecycle_day_ms if day_ms is None else max(1, day_ms)
    page = s.metadata.read(lambda view: due_page(view, bucket, at, day_ms=day, cursor=cursor))
    return {
        "bucket": bucket,
        "at": moment(at),
        "lifecycle_day_s": day / 1000,
        "due": [_due(due) for due in page.dues],
        "cursor": page.cursor,
    }


_NUMBER = Parameter("number", required=False)

RULE_OPERATIONS = {
    "lifecycle.show": Operation("shows a bucket's lifecycle rules", _show, {"bucket": REQUIRED}),
    "lifecycle.explain": Operation(
        "says what the rules would remove at a time (ms since the epoch); the next page begins at `cursor`",
        _explain,
        {"bucket": REQUIRED, "at_ms": _NUMBER, "day_ms": _NUMBER, "cursor": OPTIONAL},
    ),
}
