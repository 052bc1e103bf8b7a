"""The spot side: its tokens, and one pair that clients expect to find and nothing trades here."""

from typing import Any

from seawall.venues.hyperliquid.info.base import BadRequest, DeskView, Request, text_of
from seawall.venues.hyperliquid.wire.values import money_text

PAIR = "PURR/USDC"
"""The coin of pair 0, whose asset id is 10000."""

_USDC: dict[str, Any] = {
    "name": "USDC",
    "szDecimals": 8,
    "weiDecimals": 8,
    "index": 0,
    "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
    "isCanonical": True,
    "evmContract": None,
    "fullName": None,
    "deployerTradingFeeShare": "0.0",
}
_PURR: dict[str, Any] = {
    **_USDC,
    "name": "PURR",
    "szDecimals": 0,
    "weiDecimals": 5,
    "index": 1,
    "tokenId": "0xc4bf3f870c0e9465323c0b6ed28096c2",
}
_UNIVERSE: list[dict[str, Any]] = [
    {"tokens": [1, 0], "name": PAIR, "index": 0, "isCanonical": True}
]
_NEVER_TRADED: dict[str, Any] = {
    "prevDayPx": "0.0",
    "dayNtlVlm": "0.0",
    "markPx": "0.0",
    "midPx": None,
    "circulatingSupply": "0.0",
    "coin": PAIR,
    "totalSupply": "0.0",
    "dayBaseVlm": "0.0",
}


def spot_meta(venue: DeskView, request: Request) -> dict[str, Any]:
    """USDC, and a pair without orders."""
    return {"universe": _UNIVERSE, "tokens": [_USDC, _PURR]}


def spot_contexts() -> list[dict[str, Any]]:
    """Of each pair, in the order of the universe: no price, since there never was a trade."""
    return [_NEVER_TRADED]


def spot_meta_and_contexts(venue: DeskView, request: Request) -> list[Any]:
    return [spot_meta(venue, request), spot_contexts()]


def empty_book(venue: DeskView) -> dict[str, Any]:
    """The order book of the pair."""
    return {"coin": PAIR, "time": venue.now_ms(), "levels": [[], []]}


def token_details(venue: DeskView, request: Request) -> Any:
    """``tokenDetails`` of either token. Raises BadRequest for any other."""
    wanted = text_of(request, "tokenId")
    token = next((each for each in (_USDC, _PURR) if each["tokenId"] == wanted), None)
    if token is None:
        raise BadRequest("tokenId is unknown")
    is_usdc = token is _USDC
    outside = int(venue.tables["margin_groups"]["money_outside"].sum()) if is_usdc else 0
    supply, price = money_text(max(0, outside)), "1.0" if is_usdc else "0.0"
    return {
        "name": token["name"],
        "maxSupply": supply,
        "totalSupply": supply,
        "circulatingSupply": supply,
        "szDecimals": token["szDecimals"],
        "weiDecimals": token["weiDecimals"],
        "midPx": price,
        "markPx": price,
        "prevDayPx": price,
        "genesis": None,
        "deployer": None,
        "deployGas": None,
        "deployTime": None,
        "seededUsdc": money_text(0),
        "nonCirculatingUserBalances": [],
        "futureEmissions": "0.0",
    }
