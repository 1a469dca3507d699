"""Debian's Chromium before real servers, as a person has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from serving.store.dataset import copy_into
from serving.store.store import open_store
from tests.serving.stores import DAY_1
from tests.serving.test_serve import served
from tests.trained import Trained

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module: it must be gone before another event loop runs."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(studied: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the trained world's folder."""
    words = (studied.crm, "--bundles", studied.bundles, "--no-fetch")
    with served(*words, cwd=tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def store_address(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a store with the same records."""
    folder = tmp_path_factory.mktemp("served-store")
    words = (store_in(folder, trained), "--bundles", trained.bundles, "--no-fetch")
    with served(*words, cwd=folder) as found:
        yield found


def store_in(folder: Path, trained: Trained) -> str:
    """The address of a store in a folder, with the trained world's records."""
    address = f"sqlite:///{folder / 'store.db'}"
    store = open_store(address)
    copy_into(store, trained.data, lambda: DAY_1)
    store.close()
    return address
