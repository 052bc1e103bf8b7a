"""Indexer answers for tests, and their margins computed a second time from the published rules."""

import json
from fractions import Fraction
from math import ceil, trunc
from typing import Any

from seawall.venues.dydx.account.explain import AccountReport, account_report
from seawall.venues.dydx.account.markets import market_states
from seawall.venues.dydx.account.state import account_state, tickers
from seawall.venues.rulebook_file import load_rulebook
from tests.shared_files import ROOT

MICRO = 10**6
OWNER = "dydx1test0owner"


def market(ticker: str, price: str, atomic: int = -10, **changes: Any) -> dict[str, Any]:
    """A market of the answer to perpetualMarkets: 2 % and 1.2 %, no caps."""
    grains = {
        -10: ("1", "0.0001", 100_000),
        -9: ("0.1", "0.001", 100_000),
        -6: ("0.001", "1", 1_000_000),
    }
    tick, step, subticks = grains[atomic]
    return {
        "clobPairId": str(sum(map(ord, ticker))),
        "ticker": ticker,
        "status": "ACTIVE",
        "oraclePrice": price,
        "initialMarginFraction": "0.02",
        "maintenanceMarginFraction": "0.012",
        "openInterest": "0",
        "atomicResolution": atomic,
        "quantumConversionExponent": -9,
        "tickSize": tick,
        "stepSize": step,
        "stepBaseQuantums": 1_000_000,
        "subticksPerTick": subticks,
        "marketType": "CROSS",
        "baseOpenInterest": "0",
    } | changes


BTC = market("BTC-USD", "50000")
ETH = market("ETH-USD", "2500", -9)
GROWN = market(
    "FISH-USD",
    "0.85",
    -6,
    initialMarginFraction="0.05",
    maintenanceMarginFraction="0.03",
    marketType="ISOLATED",
    openInterestLowerCap="500000",
    openInterestUpperCap="1000000",
    baseOpenInterest="800000",
)
MARKETS = {each["ticker"]: each for each in (BTC, ETH, GROWN)}


def position(ticker: str, size: str, number: int = 0) -> dict[str, Any]:
    return {
        "market": ticker,
        "status": "OPEN",
        "side": "SHORT" if size.startswith("-") else "LONG",
        "size": size,
        "maxSize": size,
        "entryPrice": "48700.12345678901234567891",
        "unrealizedPnl": "1299.87654321098765432109",
        "netFunding": "0",
        "subaccountNumber": number,
    }


def subaccount(cash: str, sizes: dict[str, str], number: int = 0, **more: Any) -> dict[str, Any]:
    """A subaccount with this USDC and these positions; figures of the venue only if given."""
    side = "SHORT" if cash.startswith("-") else "LONG"
    amount = cash.removeprefix("-")
    usdc = {"symbol": "USDC", "side": side, "size": amount, "assetId": "0"}
    return {
        "address": OWNER,
        "subaccountNumber": number,
        "openPerpetualPositions": {t: position(t, size, number) for t, size in sizes.items()},
        "assetPositions": {"USDC": usdc} if amount != "0" else {},
        "marginEnabled": True,
    } | more


def answer(account: dict[str, Any], markets: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"subaccount": account, "markets": MARKETS if markets is None else markets}


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "examples" / name).read_text())
    return found


def report_of(document: dict[str, Any]) -> AccountReport:
    raw = json.dumps(document).encode()
    state = account_state(raw, market_states(raw, tickers(raw)))
    return account_report(state, load_rulebook("dydx"))  # type: ignore[arg-type]


def report_of_one(
    cash: str, sizes: dict[str, str], markets: dict[str, Any] | None = None
) -> AccountReport:
    return report_of(answer(subaccount(cash, sizes), markets))


def requirements(size: Fraction, price: Fraction, terms: dict[str, Any]) -> tuple[int, int, int]:
    """(signed value, initial, maintenance) of a position in micro-USD, from a market's own text."""
    value = trunc(size * price * MICRO)
    initial = Fraction(terms["initialMarginFraction"])
    share = Fraction(terms["maintenanceMarginFraction"]) / initial
    lower = Fraction(terms.get("openInterestLowerCap", 0)) * MICRO
    upper = Fraction(terms.get("openInterestUpperCap", 0)) * MICRO
    held = trunc(Fraction(terms["baseOpenInterest"]) * price * MICRO)
    grown = initial
    if upper and held >= upper:
        grown = Fraction(1)
    elif upper and held > lower:
        grown += Fraction(int((1 - initial) * MICRO * (held - lower) / (upper - lower)), MICRO)
    return value, ceil(abs(value) * grown), ceil(ceil(abs(value) * initial) * share)


def standing(
    cash: str,
    sizes: dict[str, str],
    markets: dict[str, Any] | None = None,
    prices: dict[str, Fraction] | None = None,
) -> tuple[int, int, int]:
    """(net collateral, initial, maintenance) of an account, some markets at other prices."""
    totals = [int(Fraction(cash) * MICRO), 0, 0]
    for ticker, size in sizes.items():
        terms = (markets or MARKETS)[ticker]
        price = (prices or {}).get(ticker, Fraction(terms["oraclePrice"]))
        for place, figure in enumerate(requirements(Fraction(size), price, terms)):
            totals[place] += figure
    return totals[0], totals[1], totals[2]


def is_liquidated(
    cash: str,
    sizes: dict[str, str],
    ticker: str,
    price: Fraction,
    markets: dict[str, Any] | None = None,
) -> bool:
    net, _, maintenance = standing(cash, sizes, markets, {ticker: price})
    return maintenance > 0 and net < maintenance
