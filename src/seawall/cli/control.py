"""``seawall control``: steer a venue that ``seawall up`` started, over its control API."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import App, Parameter

from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.sandbox.client import DEFAULT_URL, ControlClient

app = App(name="control", help="Steer a running venue: prices, oracle, liquidity, time, accounts.")

Url = Annotated[str, Parameter(name="--url")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
Word = Annotated[str, Parameter(allow_leading_hyphen=True)]
Option = Annotated[str, Parameter(allow_leading_hyphen=True)]


@app.command
def status(*, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Show how the venue stands."""
    found = _ask(url, ControlClient.status)
    if json_:
        print(json.dumps(found))
        return
    clock = "paused" if found["paused"] else f"x{found['speed']:g}"
    print(
        f"time {found['timeMs']} ({clock})   commands {found['sequence']}   "
        f"prices {found['feed']}   agents {found['agents']}   accounts {found['accounts']}"
    )
    print(f"save points: {', '.join(found['savePoints']) or 'none'}")
    for market in found["markets"]:
        notes = []
        if market["oracleMode"] != "live":
            notes.append(f"oracle {market['oracleMode']}")
        if market["withdrawn"]:
            notes.append(f"depth withdrawn {market['withdrawn']:.0%}")
        if market["premium"]:
            notes.append(f"premium {market['premium']:.2%}")
        if market["shocked"]:
            notes.append("in a shock")
        print(
            f"{market['name']:>8}  oracle {market['oracle']}  mark {market['mark']}  "
            f"book {market['bid'] or '-'} / {market['ask'] or '-'}  {', '.join(notes)}".rstrip()
        )


@app.command
def accounts(*, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Show the funded test accounts and their keys."""
    found = _ask(url, ControlClient.accounts)
    if json_:
        print(json.dumps(found))
        return
    for number, account in enumerate(found["accounts"]):
        print(f"{number}  {account['address']}  key {account['privateKey']}")


@app.command
def price(market: str, price: Word, /, *, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Set the price of a market, USD; the feed goes on from there."""
    _tell(url, lambda venue: venue.price(market, price), json_)


@app.command
def shock(
    market: str,
    move: Word,
    /,
    *,
    seconds: Option = "0",
    hold: Option = "0",
    rebound: Option = "0",
    rebound_seconds: Option = "0",
    url: Url = DEFAULT_URL,
    json_: Json = False,
) -> None:
    """Move the price of a market (or of `all`) by a share.

    Parameters
    ----------
    market
        A market, or `all`.
    move
        The share, like -10% or 0.05.
    seconds
        Over so many seconds of venue time; at once if not given.
    hold
        Seconds that the price stays there before it comes back.
    rebound
        Share of the move that is undone, like 80%: a flash crash.
    rebound_seconds
        Seconds that it takes to come back.
    """
    _tell(
        url,
        lambda venue: venue.shock(
            market, move, seconds=seconds, hold=hold, rebound=rebound,
            rebound_seconds=rebound_seconds,
        ),
        json_,
    )  # fmt: skip


@app.command
def oracle(
    market: str,
    mode: str,
    /,
    *,
    seconds: Option = "0",
    url: Url = DEFAULT_URL,
    json_: Json = False,
) -> None:
    """Trouble with the oracle of a market (or of `all`): freeze, lag, silent; resume ends it.

    Parameters
    ----------
    market
        A market, or `all`.
    mode
        `freeze` repeats a price, `lag` reports late, `silent` reports nothing, `resume` is normal.
    seconds
        How late a lagging oracle is.
    """
    _tell(url, lambda venue: venue.oracle(market, mode, seconds=seconds), json_)


@app.command
def liquidity(
    market: str, withdraw: Word, /, *, url: Url = DEFAULT_URL, json_: Json = False
) -> None:
    """Makers of a market (or of `all`) withdraw a share of their depth, like 90%; 0 restores."""
    _tell(url, lambda venue: venue.liquidity(market, withdraw), json_)


@app.command
def funding(
    market: str,
    premium: Word,
    /,
    *,
    seconds: Option = "3600",
    url: Url = DEFAULT_URL,
    json_: Json = False,
) -> None:
    """Spike funding: makers of a market (or of `all`) quote at a premium like 1%."""
    _tell(url, lambda venue: venue.funding(market, premium, seconds=seconds), json_)


@app.command
def advance(
    seconds: Word, /, *, step: Option = "0", url: Url = DEFAULT_URL, json_: Json = False
) -> None:
    """Let venue time pass, with prices, agents and funding.

    Parameters
    ----------
    seconds
        How much time.
    step
        Seconds between two prices on the way; chosen by the length if not given.
    """
    _tell(url, lambda venue: venue.advance(seconds, step=step), json_)


@app.command
def pause(*, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Stop the clock; orders are still taken."""
    _tell(url, ControlClient.pause, json_)


@app.command
def resume(*, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Let the clock go on."""
    _tell(url, ControlClient.resume, json_)


@app.command
def speed(factor: Word, /, *, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Venue seconds per second, like 20; 0 stops the clock."""
    _tell(url, lambda venue: venue.speed(factor.removeprefix("x")), json_)


@app.command
def save(name: str, /, *, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Save this moment under a name."""
    _tell(url, lambda venue: venue.save(name), json_)


@app.command
def revert(name: str, /, *, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Go back to a save point; what came after has not happened."""
    _tell(url, lambda venue: venue.revert(name), json_)


@app.command
def reset(*, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Go back to the first start."""
    _tell(url, ControlClient.reset, json_)


@app.command
def fund(address: str, amount: Word, /, *, url: Url = DEFAULT_URL, json_: Json = False) -> None:
    """Give an address USD; its account is opened if there is none."""
    _tell(url, lambda venue: venue.fund(address, amount), json_)


def _tell(url: str, request: Callable[[ControlClient], dict[str, Any]], as_json: bool) -> None:
    found = _ask(url, request)
    if as_json:
        print(json.dumps(found))
        return
    more = f", account {found['account']}" if "account" in found else ""
    print(f"done at {found['timeMs']}, {found['sequence']} commands so far{more}")


def _ask(url: str, request: Callable[[ControlClient], dict[str, Any]]) -> dict[str, Any]:
    """The venue's answer. Ends the process with status 2 when it is refused."""
    try:
        return request(ControlClient(url))
    except SeawallError as error:
        refuse("control", str(error))
