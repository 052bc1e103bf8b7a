"""``seawall control``: steer a venue that ``seawall up`` started, over its control API."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import SeawallError
from seawall.report.kinds import percent
from seawall.sandbox.client import DEFAULT_URL, ControlClient, Reply

control = App(
    name="control", help="Steer a running venue: prices, oracle, liquidity, time, accounts."
)

OPTIONS = ("hold", "rebound", "rebound_seconds", "instant", "step")
"""Arguments of ``ControlClient`` that are options here, of whatever command."""
Text = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""The venue reads it, and says what would be right: -10%, x20, 3600."""


@Parameter(name="*")
@dataclass(frozen=True)
class Target:
    """Which venue, and how its answer is shown."""

    url: str = DEFAULT_URL
    """The venue's base URL."""
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False
    """Print the venue's answer as one JSON object."""

    def ask(
        self,
        command: str,
        request: Callable[[ControlClient], Reply],
        shown: Callable[[Reply], str] | None = None,
    ) -> None:
        """Print the venue's answer; exit status 2 where it refuses."""
        try:
            found = request(ControlClient(self.url))
        except SeawallError as error:
            is_option = getattr(error, "field", "") in ("url", *OPTIONS)
            refuse(f"control {command}", as_option(error) if is_option else str(error))
        print(json.dumps(found) if self.json_ else (shown or _done)(found))


HERE = Target()


@control.command
def status(*, target: Target = HERE) -> None:
    """Show how the venue stands."""
    target.ask("status", ControlClient.status, _standing)


@control.command
def accounts(*, target: Target = HERE) -> None:
    """Show the funded test accounts and their keys."""
    target.ask("accounts", ControlClient.accounts, _keys)


@control.command
def price(market: str, price: Text, /, *, target: Target = HERE) -> None:
    """Set the price of a market, USD; the feed continues from there.

    It jumps there in one mark step, as an instant shock does.
    """
    target.ask("price", lambda venue: venue.price(market, price))


@control.command
def shock(
    market: str,
    move: Text,
    /,
    *,
    seconds: Text | None = None,
    hold: Text = "0",
    rebound: Text = "0",
    rebound_seconds: Text | None = None,
    instant: Annotated[bool, Parameter(negative="")] = False,
    target: Target = HERE,
) -> None:
    """Move the price of a market (or of `all`) by a share, through the book.

    The mark follows every 3 s of venue time, by at most 1 % without --seconds: -10% takes 33 s.
    With a manual clock it happens as you advance.

    Parameters
    ----------
    market
        A market, or `all`.
    move
        The share, like -10% or 0.05.
    seconds
        Seconds of venue time that the move takes.
    hold
        Seconds that the price stays there before it comes back.
    rebound
        Share of the move that is undone, like 80%: a flash crash.
    rebound_seconds
        Seconds that it takes to come back.
    instant
        Jump there in one mark step. Accounts that fall below zero within it are deleveraged at the
        mark before it, so they lose far less than in a real fall.
    """

    def request(venue: ControlClient) -> Reply:
        return venue.shock(
            market, move, seconds=seconds, hold=hold, rebound=rebound,
            rebound_seconds=rebound_seconds, instant=instant,
        )  # fmt: skip

    target.ask("shock", request, _moving)


@control.command
def oracle(market: str, mode: str, /, *, seconds: Text = "0", target: Target = HERE) -> None:
    """Disturb the oracle of a market (or of `all`): freeze, lag, silent; resume ends it.

    Parameters
    ----------
    market
        A market, or `all`.
    mode
        `freeze` repeats a price, `lag` reports late, `silent` reports nothing, `resume` is normal.
    seconds
        How late a lagging oracle is.
    """
    target.ask("oracle", lambda venue: venue.oracle(market, mode, seconds=seconds))


@control.command
def liquidity(market: str, withdraw: Text, /, *, target: Target = HERE) -> None:
    """Makers of a market (or of `all`) withdraw a share of their depth, like 90%; 0 restores."""
    target.ask("liquidity", lambda venue: venue.liquidity(market, withdraw))


@control.command
def funding(
    market: str, premium: Text, /, *, seconds: Text = "3600", target: Target = HERE
) -> None:
    """Move the funding rate: makers of a market (or of `all`) quote at a premium like 1%.

    Parameters
    ----------
    market
        A market, or `all`.
    premium
        The share above the oracle price, like 1% or -0.5%.
    seconds
        Seconds of venue time that it lasts.
    """
    target.ask("funding", lambda venue: venue.funding(market, premium, seconds=seconds))


@control.command
def advance(seconds: Text, /, *, step: Text = "0", target: Target = HERE) -> None:
    """Let venue time pass, with prices, agents and funding.

    Parameters
    ----------
    seconds
        How much time.
    step
        Seconds between two prices on the way; 0 chooses by the length.
    """
    target.ask("advance", lambda venue: venue.advance(seconds, step=step))


@control.command
def pause(*, target: Target = HERE) -> None:
    """Stop the clock; orders are still accepted."""
    target.ask("pause", ControlClient.pause)


@control.command
def resume(*, target: Target = HERE) -> None:
    """Start the clock again."""
    target.ask("resume", ControlClient.resume)


@control.command
def speed(factor: Text, /, *, target: Target = HERE) -> None:
    """Venue seconds per second, like 20; 0 stops the clock."""
    target.ask("speed", lambda venue: venue.speed(factor.removeprefix("x")))


@control.command
def save(name: str, /, *, target: Target = HERE) -> None:
    """Save this moment under a name."""
    target.ask("save", lambda venue: venue.save(name))


@control.command
def market(name: str, status: str, /, *, target: Target = HERE) -> None:
    """Say what a market takes from now on, like `open` or `halted`.

    `post_only` as well, and at a venue that settles in blocks `initializing` and
    `final_settlement`, which takes no orders and closes its positions at the oracle price.
    """
    target.ask("market", lambda venue: venue.market(name, status))


@control.command
def revert(name: str, /, *, target: Target = HERE) -> None:
    """Go back to a save point; what came after has not happened."""
    target.ask("revert", lambda venue: venue.revert(name))


@control.command
def reset(*, target: Target = HERE) -> None:
    """Go back to the first start."""
    target.ask("reset", ControlClient.reset)


@control.command
def fund(address: str, amount: Text, /, *, target: Target = HERE) -> None:
    """Credit USD to an address; its account is opened if there is none."""
    target.ask("fund", lambda venue: venue.fund(address, amount))


def _done(found: Reply) -> str:
    more = f", account {found['account']}" if "account" in found else ""
    return f"done at {found['timeMs']}, {found['sequence']} commands so far{more}"


def _moving(found: Reply) -> str:
    seconds = -((found["timeMs"] - found["untilMs"]) // 1000)
    if seconds <= 0:
        return f"{_done(found)}; in one mark step"
    return (
        f"from {found['timeMs']} until {found['untilMs']}, {found['marks']} marks; a clock that "
        f"stands needs: seawall control advance {seconds}"
    )


def _keys(found: Reply) -> str:
    return "\n".join(
        f"{number}  {each['address']}  key {each['privateKey']}"
        for number, each in enumerate(found["accounts"])
    )


def _standing(found: Reply) -> str:
    clock = "paused" if found["paused"] else f"x{found['speed']:g}"
    return "\n".join([
        f"time {found['timeMs']} ({clock})   commands {found['sequence']}   "
        f"prices {found['feed']}   agents {found['agents']}   accounts {found['accounts']}",
        f"save points: {', '.join(found['savePoints']) or 'none'}",
        *([f"history: {found['history']}"] if found["history"] else []),
        *map(_market, found["markets"]),
    ])  # fmt: skip


def _market(found: Reply) -> str:
    notes = [
        f"oracle {found['oracleMode']}" if found["oracleMode"] != "live" else "",
        f"depth withdrawn {percent(found['withdrawn'], 0)}" if found["withdrawn"] else "",
        f"premium {percent(found['premium'])}" if found["premium"] else "",
        "in a shock" if found["shocked"] else "",
        f"feed stale since {found['staleSinceMs']}, reduce-only" if found["stale"] else "",
    ]
    return (
        f"{found['name']:>8}  oracle {found['oracle']}  mark {found['mark']}  "
        f"book {found['bid'] or '-'} / {found['ask'] or '-'}  {', '.join(filter(None, notes))}"
    ).rstrip()
