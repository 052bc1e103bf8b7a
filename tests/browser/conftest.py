"""For every module anew: a browser, a venue on which nothing moves by itself, and its page."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.pages import browser
from tests.browser.terminal import STILL, Terminal, terminal, venue


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def still() -> Iterator[dict[str, Any]]:
    """A venue on which every test takes an account of its own, so that none meets another's."""
    with venue(*STILL) as said:
        yield said


@pytest.fixture
def page(opened: Any, still: dict[str, Any]) -> Iterator[Terminal]:
    with terminal(opened, still["url"]) as found:
        yield found
