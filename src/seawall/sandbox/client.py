"""A client of a running venue's control API, for the command line and for programs.

Every method sends one request and returns the venue's answer as a dictionary. Raises ControlError
for what the venue refuses, naming the argument, its value and what would be right, and where no
venue answers.
"""

import json
import urllib.error
import urllib.request
from fractions import Fraction
from http.client import HTTPException
from typing import Any

from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.units import fraction_text

DEFAULT_URL = "http://127.0.0.1:3001"
TIMEOUT_S = 600.0
Reply = dict[str, Any]
_ARGUMENTS = {
    "holdSeconds": "hold",
    "reboundSeconds": "rebound_seconds",
    "speed": "factor",
    "stepSeconds": "step",
}
"""Fields of a request that are called otherwise here."""


class ControlError(InputError):
    """A request that the venue refuses, or a venue that does not answer."""


class ControlClient:
    """Steers the venue at ``url``: prices, oracle, liquidity, time, accounts."""

    def __init__(self, url: str = DEFAULT_URL, timeout_s: float = TIMEOUT_S) -> None:
        """Raises ControlError for what is no HTTP address."""
        if not url.startswith(("http://", "https://")):
            raise ControlError.of("", "url", url, f"an HTTP address, such as {DEFAULT_URL}")
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        # A proxy of the environment does not lead to this computer.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def status(self) -> Reply:
        """Time, prices, agents and conditions of every market."""
        return self._ask("status")

    def accounts(self) -> Reply:
        """The funded test accounts and their keys."""
        return self._ask("accounts")

    def price(self, market: str, price: Amount) -> Reply:
        """Set the price of a market, USD; the feed continues from there. A jump in one mark step,
        as an instant shock is."""
        return self._ask("price", market=market, price=price)

    def shock(
        self,
        market: str,
        move: Amount,
        *,
        seconds: Amount | None = None,
        hold: Amount = 0,
        rebound: Amount = 0,
        rebound_seconds: Amount | None = None,
        instant: bool = False,
    ) -> Reply:
        """Move the price of a market (or of ``all``) by a share such as ``-10%`` through the book:
        over ``seconds``, held for ``hold`` seconds, then back by the share ``rebound``.

        Without seconds at most 1 % from mark to mark, which come every 3 s. ``untilMs`` of the
        answer is when it is over: a clock that stands needs ``advance``. ``instant``: a jump, all
        in one mark step. Accounts that fall below zero within it are deleveraged at the mark
        before it, so they lose far less than in a real fall.
        """
        return self._ask(
            "shock", market=market, move=move, seconds=seconds, holdSeconds=hold,
            rebound=rebound, reboundSeconds=rebound_seconds, instant=instant,
        )  # fmt: skip

    def oracle(self, market: str, mode: str, *, seconds: Amount = 0) -> Reply:
        """Disturb the oracle of a market: ``freeze``, ``lag`` (``seconds`` late), ``silent``;
        ``resume`` ends it."""
        return self._ask("oracle", market=market, mode=mode, seconds=seconds)

    def liquidity(self, market: str, withdraw: Amount) -> Reply:
        """Makers withdraw a share of their depth; 0 restores it."""
        return self._ask("liquidity", market=market, withdraw=withdraw)

    def funding(self, market: str, premium: Amount, *, seconds: Amount = 3600) -> Reply:
        """Makers quote at a premium such as ``1%``, which moves the funding rate."""
        return self._ask("funding", market=market, premium=premium, seconds=seconds)

    def market(self, market: str, status: str) -> Reply:
        """What a market takes from now on: ``open``, ``halted``, ``post_only``; under rules of
        blocks also ``initializing`` and ``final_settlement``."""
        return self._ask("market", market=market, status=status)

    def advance(self, seconds: Amount, *, step: Amount = 0) -> Reply:
        """Let venue time pass, with prices, agents and funding."""
        return self._ask("time/advance", seconds=seconds, stepSeconds=step)

    def pause(self) -> Reply:
        """Stop the clock; orders are still accepted."""
        return self._ask("time/pause")

    def resume(self) -> Reply:
        """Start the clock again."""
        return self._ask("time/resume")

    def speed(self, factor: Amount) -> Reply:
        """Set venue seconds per second; 0 stops the clock."""
        return self._ask("time/speed", speed=factor)

    def save(self, name: str) -> Reply:
        """Save this moment under a name."""
        return self._ask("save", name=name)

    def revert(self, name: str) -> Reply:
        """Go back to a save point."""
        return self._ask("revert", name=name)

    def reset(self) -> Reply:
        """Go back to the first start."""
        return self._ask("reset")

    def fund(self, address: str, amount: Amount) -> Reply:
        """Give an address USD; its account is opened if there is none."""
        return self._ask("fund", address=address, amount=amount)

    def _ask(self, path: str, **body: Any) -> Reply:
        is_question = path in ("status", "accounts")
        raw = None if is_question else json.dumps(body, default=_decimal).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/control/{path}", raw, headers)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                found: Reply = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise self._no_venue(getattr(error, "reason", error)) from None

    def _refused(self, error: urllib.error.HTTPError) -> ControlError:
        try:
            found = json.load(error)["error"]
            field = str(found["field"])
            field = _ARGUMENTS.get(field) or field
            return ControlError.of("", field, found["value"], found["expected"])
        except (ValueError, KeyError, TypeError):
            return self._no_venue(f"{error.code} {error.reason}")

    def _no_venue(self, reason: object) -> ControlError:
        expected = f"the address of a running venue, but no venue answers there ({reason})"
        return ControlError.of("", "url", self.url, f"{expected}; seawall up starts one")


def _decimal(value: Any) -> str:
    """A Fraction or a Decimal as the decimal text that a request holds."""
    return fraction_text(Fraction(value))
