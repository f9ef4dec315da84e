"""Every method of the admin channel stands in one table, used by the server and by commands without a server alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .accounts import ACCOUNT_OPERATIONS
from .checks import CHECK_OPERATIONS
from .figures import FIGURE_OPERATIONS
from .garbage import GARBAGE_OPERATIONS
from .messages import CallRefused
from .operation import AdminServices, Operation, Result
from .rules import RULE_OPERATIONS
from .stores import BUCKET_OPERATIONS
from .upkeep import UPKEEP_OPERATIONS

OPERATIONS: Mapping[str, Operation] = {
    **ACCOUNT_OPERATIONS,
    **BUCKET_OPERATIONS,
    **RULE_OPERATIONS,
    **UPKEEP_OPERATIONS,
    **GARBAGE_OPERATIONS,
    **CHECK_OPERATIONS,
    **FIGURE_OPERATIONS,
}


def operation_named(method: str) -> Operation:
    """The operation. CallRefused."""
    found = OPERATIONS.get(method)
    if found is None:
        raise CallRefused("UnknownMethod", 404, f"there is no method {method[:80]!r}; GET /v1 lists them")
    return found


async def call(services: AdminServices, method: str, parameters: Mapping[str, Any]) -> Result:
    """Does what a method says and returns its result. CallRefused, and whatever the use case refuses."""
    operation = operation_named(method)
    return await operation.run(services, **operation.arguments(parameters))


def catalogue() -> Result:
    """{method: {about, parameters: {name: {kind, required}}}}"""
    return {
        method: {
            "about": operation.about,
            "parameters": {
                name: {"kind": parameter.kind, "required": parameter.required}
                for name, parameter in operation.parameters.items()
            },
        }
        for method, operation in OPERATIONS.items()
    }
