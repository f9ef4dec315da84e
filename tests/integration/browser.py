"""A headless Chromium of our own, spoken to over the DevTools protocol; it is gone when the block ends."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S_MAX = 60.0
ANSWER_S_MAX = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
    "about:blank",
)


def executable() -> str:
    """Chromium's path; without one the test fails, or is skipped where SEGLAKE_WITHOUT_BROWSER=1 says so."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    if os.environ.get("SEGLAKE_WITHOUT_BROWSER") == "1":
        pytest.skip("there is no Chromium here, and SEGLAKE_WITHOUT_BROWSER=1 allows that")
    pytest.fail(
        "there is no Chromium here: apt-get install -y --no-install-recommends chromium "
        "(or set SEGLAKE_WITHOUT_BROWSER=1 to go without)"
    )


@contextmanager
def running_browser(home: Path) -> Iterator[str]:
    """The DevTools address of a browser whose profile is in ``home``."""
    command = [executable(), f"--user-data-dir={home}", *_FLAGS]
    with (home.parent / "chromium.log").open("wb") as log:
        # In a session of its own: the launcher and all that it starts end together.
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield _address(process, home)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the browser's own process group, whose id is the process's."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        # It has ended by itself.
        pass
    process.wait(timeout=30)


def _address(process: subprocess.Popen[bytes], home: Path) -> str:
    file, end = home / "DevToolsActivePort", time.monotonic() + START_S_MAX
    while time.monotonic() < end and process.poll() is None:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start: {(home.parent / 'chromium.log').read_text()[-2000:]}")


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A DevTools command; its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_str(json.dumps(message))
        async with asyncio.timeout(ANSWER_S_MAX):
            while True:
                got = await self._socket.receive_json()
                if got.get("id") == number:
                    assert "error" not in got, got
                    result: dict[str, Any] = got["result"]
                    return result

    async def begin(self) -> None:
        """Opens an empty page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]

    async def open(self, url: str) -> None:
        """Goes to a page and waits until it is complete."""
        went = await self.call("Page.navigate", url=url)
        assert "errorText" not in went, went
        await self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    async def until(self, condition: str) -> None:
        """Waits until an expression is true in the page."""
        end = time.monotonic() + ANSWER_S_MAX
        while not await self.evaluate(condition):
            assert time.monotonic() < end, condition
            await asyncio.sleep(0.05)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; of a promise what it resolves to. What it throws fails the test."""
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def run(self, function: str, *arguments: Any) -> Any:
        """Calls a JavaScript function with these arguments."""
        return await self.evaluate(f"({function})(...{json.dumps(arguments)})")


@asynccontextmanager
async def tab_of(address: str) -> AsyncIterator[Tab]:
    """A page of its own in the browser at ``address``."""
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        tab = Tab(socket)
        await tab.begin()
        yield tab


@asynccontextmanager
async def page_server() -> AsyncIterator[int]:
    """The port of a server of empty pages: an origin that is not the store's."""

    async def page(_request: web.BaseRequest) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title><body></body>", content_type="text/html")

    runner = web.ServerRunner(web.Server(page, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
