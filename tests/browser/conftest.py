from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from .lab import CHROMIUM_FLAGS, Lab, chromium_path, running_lab

# As patient as a busy machine needs; what has to be quick says so itself.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(), headless=True, args=CHROMIUM_FLAGS
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running
