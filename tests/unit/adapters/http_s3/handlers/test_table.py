from __future__ import annotations

import inspect

from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.routing import IMPLEMENTED


def test_every_route_has_its_handler_and_no_handler_is_without_a_route() -> None:
    assert frozenset(HANDLERS) == IMPLEMENTED - {Operation.Preflight}


def test_each_handler_answers_one_operation_and_says_which() -> None:
    assert len(set(HANDLERS.values())) == len(HANDLERS)
    for operation, handler in HANDLERS.items():
        assert inspect.iscoroutinefunction(handler)
        assert operation.name in (handler.__doc__ or "") or operation is Operation.ListObjects
