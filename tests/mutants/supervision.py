"""Ways to tell whoever watches the process something that is not so."""

from __future__ import annotations

from .mutant import Edit, Mutant

SUPERVISION = (
    Mutant(
        "a status can smuggle another message to the service manager",
        ("tests/unit/adapters/system/test_service_manager.py",),
        (Edit("adapters/system/service_manager.py", '" ".join(status.split())', "status"),),
    ),
    Mutant(
        "a watchdog meant for another process is taken for ours",
        ("tests/unit/adapters/system/test_service_manager.py",),
        (Edit("adapters/system/service_manager.py", " and meant and ", " and "),),
    ),
    Mutant(
        "one sign of life is all there is",
        ("tests/unit/entrypoints/test_supervision.py",),
        (Edit("entrypoints/supervision.py", "        await asyncio.sleep(period_s)\n", "        return\n"),),
    ),
    Mutant(
        "the service manager is not told that the store is ready",
        ("tests/unit/entrypoints/test_supervision.py",),
        (Edit("entrypoints/supervision.py", "    _told(lambda: manager.ready(status), log)\n", ""),),
    ),
    Mutant(
        "a server that answers with an error counts as healthy",
        ("tests/unit/entrypoints/test_probe.py",),
        (Edit("entrypoints/probe.py", "healthy=answer.status < _SERVER_ERROR", "healthy=True"),),
    ),
    Mutant(
        "any server counts as this store",
        ("tests/unit/entrypoints/test_probe.py",),
        (Edit("entrypoints/probe.py", "if not name.startswith(_NAME):", "if not name:"),),
    ),
)
