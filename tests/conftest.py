"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.recorded import NOT_RUN, folder
from tests.servers import llama

# Wall clock decides nothing: a busy machine must not fail a property. The same examples
# every time, unless the full proof is asked for.
_FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
settings.register_profile(
    "dispatch_nb",
    deadline=None,
    derandomize=not _FULL,
    max_examples=1_000 if _FULL else 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dispatch_nb")


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests (`@pytest.mark.anyio`) run on asyncio, as the turns do."""
    return "asyncio"


@pytest.fixture
def dead_port() -> Iterator[int]:
    """Yield a port of this machine that refuses connections: it is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say last of all, before the totals, what was proved, and which servers and recordings
    were not at hand."""
    yield
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "proved":
                terminalreporter.write_line(value)
    skipped = terminalreporter.stats.get("skipped", [])
    if any(llama.NOT_RUN in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(llama.NOT_RUN)
    if folder() is None and any(NOT_RUN in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(NOT_RUN)
