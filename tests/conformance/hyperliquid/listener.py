"""The official client's websocket; a subscription counts once the venue has answered it.

The client itself returns at once. What happens before the venue's answer would not be heard on a
machine that is busy, so each test waits for the answer.
"""

import queue
import time
from collections.abc import Callable
from typing import Any

import pytest
from hyperliquid.info import Info

from tests.waiting import PATIENCE_S


class Heard:
    """What a subscription delivered, in order."""

    def __init__(self, subscription: dict[str, Any]) -> None:
        self.subscription = subscription
        self.number = 0
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()

    def next(self, fits: Callable[[Any], bool] = lambda data: True) -> Any:
        """The data of the next message that fits. Fails when none comes."""
        deadline = time.monotonic() + PATIENCE_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                data = self.messages.get(timeout=left)["data"]
            except queue.Empty:
                break
            if fits(data):
                return data
        pytest.fail("the subscription delivered nothing that fits")


class Listener:
    """One connection of the official client. ``close`` it; its threads end some seconds later."""

    def __init__(self, url: str) -> None:
        self.info = Info(url, skip_ws=False, timeout=PATIENCE_S)
        self.threads = self.info.ws_manager
        self._answers: queue.Queue[str] = queue.Queue()
        socket = self.threads.ws
        deliver = socket.on_message

        def count(app: Any, message: str) -> None:
            deliver(app, message)
            if '"subscriptionResponse"' in message:
                self._answers.put(message)

        socket.on_message = count

    def subscribe(self, **subscription: Any) -> Heard:
        """Returns once the venue has answered."""
        heard = Heard(subscription)
        heard.number = self.info.subscribe(subscription, heard.messages.put)
        self._answers.get(timeout=PATIENCE_S)
        return heard

    def unsubscribe(self, heard: Heard) -> None:
        assert self.info.unsubscribe(heard.subscription, heard.number)
        self._answers.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.info.disconnect_websocket()
