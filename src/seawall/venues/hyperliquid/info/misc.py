"""Roles, sub-accounts, agents, referral, portfolio, the venue's own state, and what is empty here.

A sandbox has no vaults, no staking, no validators and no other dexes: those questions are answered
as a venue without any of them would answer.
"""

from collections.abc import Callable
from typing import Any

from seawall.domain.rulebook import Rulebook
from seawall.venues.hyperliquid.info.account import account_state, account_value, spot_state
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    check_dex,
    text_of,
    user_of,
)
from seawall.venues.hyperliquid.info.fees import total_volume, volume_of_days
from seawall.venues.hyperliquid.info.history import running_twaps
from seawall.venues.hyperliquid.info.ledger import net_deposits
from seawall.venues.hyperliquid.info.market import asset_contexts, meta
from seawall.venues.hyperliquid.info.orders import frontend_orders
from seawall.venues.hyperliquid.wire.values import figure_text, money_text

USDC_TOKEN = {
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


# -- the venue -----------------------------------------------------------------------------------


def spot_meta(venue: DeskView, request: Request) -> dict[str, Any]:
    """USDC is the only token; no pair is traded."""
    return {"universe": [], "tokens": [USDC_TOKEN]}


def spot_meta_and_contexts(venue: DeskView, request: Request) -> list[Any]:
    return [spot_meta(venue, request), []]


def perp_dexs(venue: DeskView, request: Request) -> list[Any]:
    return [None]


def exchange_status(venue: DeskView, request: Request) -> dict[str, Any]:
    return {"time": venue.now_ms(), "specialStatuses": None}


def max_market_order_notionals(venue: DeskView, request: Request) -> list[Any]:
    book = venue.engine.rulebook
    assert isinstance(book, Rulebook)
    return [
        [cap.minimum_maximum_leverage, money_text(cap.value)]
        for cap in book.order.market_value_caps
    ]


def perps_at_cap(venue: DeskView, request: Request) -> list[str]:
    """Markets whose open interest at mark has reached its cap."""
    check_dex(request)
    found = []
    for market, instrument in enumerate(venue.instruments):
        row = venue.tables["markets"][market]
        cap = int(row["open_interest_cap"])
        if 0 < cap <= int(row["open_interest"]) * int(row["mark_price"]):
            found.append(instrument.name)
    return found


def perp_dex_status(venue: DeskView, request: Request) -> dict[str, Any]:
    check_dex(request)
    outside = int(venue.tables["margin_groups"]["money_outside"][0])
    return {"totalNetDeposit": money_text(outside)}


# -- who is who ----------------------------------------------------------------------------------


def user_role(venue: DeskView, request: Request) -> dict[str, Any]:
    role, master = venue.directory.role(user_of(request), venue.now_ms())
    if role == "agent":
        return {"role": role, "data": {"user": master}}
    if role == "subAccount":
        return {"role": role, "data": {"master": master}}
    return {"role": role}


def sub_accounts(venue: DeskView, request: Request) -> list[Any] | None:
    """null for an address without any."""
    return _sub_accounts(venue, request, by_dex=False)


def sub_accounts_by_dex(venue: DeskView, request: Request) -> list[Any] | None:
    """null for an address without any."""
    return _sub_accounts(venue, request, by_dex=True)


def _sub_accounts(venue: DeskView, request: Request, *, by_dex: bool) -> list[Any] | None:
    shown = []
    for sub in venue.directory.sub_accounts(user_of(request)):
        state = account_state(venue, sub.address)
        shown.append(
            {
                "name": sub.name,
                "subAccountUser": sub.address,
                "master": sub.master,
                **(
                    {"dexToClearinghouseState": [["", state]]}
                    if by_dex
                    else {"clearinghouseState": state}
                ),
                "spotState": spot_state(venue, sub.address),
            }
        )
    return shown or None


def extra_agents(venue: DeskView, request: Request) -> list[Any]:
    """The named agents; the unnamed one is in ``webData2``."""
    agents = venue.directory.agents_of(user_of(request), venue.now_ms())
    return [
        {"address": agent.address, "name": agent.name, "validUntil": agent.valid_until}
        for agent in agents
        if agent.name
    ]


def max_builder_fee(venue: DeskView, request: Request) -> int:
    """Tenths of a basis point."""
    holder = venue.directory.holder(user_of(request))
    return holder.builders.get(user_of(request, "builder"), 0) if holder else 0


def approved_builders(venue: DeskView, request: Request) -> list[str]:
    holder = venue.directory.holder(user_of(request))
    return [builder for builder, rate in holder.builders.items() if rate] if holder else []


def referral(venue: DeskView, request: Request) -> dict[str, Any]:
    address = user_of(request)
    holder = venue.directory.holder(address)
    referred = None
    if holder and holder.referrer:
        owners = venue.directory.state.holders.values()
        owner = next((o.address for o in owners if o.referral_code == holder.referrer), None)
        referred = {"referrer": owner or "0x" + "0" * 40, "code": holder.referrer}
    state: dict[str, Any] = {"stage": "needToCreateCode"}
    if holder and holder.referral_code:
        data = {"code": holder.referral_code, "nReferrals": 0, "referralStates": []}
        state = {"stage": "ready", "data": data}
    return {
        "referredBy": referred,
        "cumVlm": money_text(total_volume(venue, venue.row_of(address))),
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": state,
        "rewardHistory": [],
        "tokenToState": [],
    }


def user_abstraction(venue: DeskView, request: Request) -> str:
    holder = venue.directory.holder(user_of(request))
    return holder.abstraction if holder else "default"


def user_dex_abstraction(venue: DeskView, request: Request) -> bool | None:
    holder = venue.directory.holder(user_of(request))
    return holder.abstraction == "dexAbstraction" if holder else None


def pre_transfer_check(venue: DeskView, request: Request) -> dict[str, Any]:
    user_of(request, "source")
    holder = venue.directory.holder(user_of(request))
    return {
        "fee": "0.0",
        "isSanctioned": False,
        "userExists": holder is not None,
        "userHasSentTx": bool(holder and holder.requests),
    }


def legal_check(venue: DeskView, request: Request) -> dict[str, Any]:
    user_of(request)
    return {"acceptedTerms": True, "userAllowed": True, "restrictions": "n"}


# -- totals --------------------------------------------------------------------------------------


def portfolio(venue: DeskView, request: Request) -> list[Any]:
    """Values of this moment only: the venue keeps no past ones."""
    address = user_of(request)
    row, now = venue.row_of(address), venue.now_ms()
    value = account_value(venue, address)
    spot = venue.directory.spot_balance(venue.engine, address)
    profit = value - net_deposits(venue, address)
    volumes = [volume_of_days(venue, row, days) for days in (1, 7, 30)]
    volumes.append(total_volume(venue, row))
    found = []
    for prefix, shown in (("", value + spot), ("perp", value)):
        for period, volume in zip(("day", "week", "month", "allTime"), volumes, strict=True):
            name = prefix + (period[0].upper() + period[1:] if prefix else period)
            body = {
                "accountValueHistory": [[now, figure_text(shown)]],
                "pnlHistory": [[now, figure_text(profit)]],
                "vlm": money_text(volume),
            }
            found.append([name, body])
    return found


def web_data(venue: DeskView, address: str) -> dict[str, Any]:
    """Everything about one address, as the venue's old front end asked for it."""
    agents = venue.directory.agents_of(address, venue.now_ms())
    unnamed = next((agent for agent in agents if not agent.name), None)
    return {
        "clearinghouseState": account_state(venue, address),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": frontend_orders(venue, address),
        "agentAddress": unnamed.address if unnamed else None,
        "agentValidUntil": unnamed.valid_until if unnamed else None,
        "cumLedger": money_text(net_deposits(venue, address)),
        "meta": meta(venue, {}),
        "assetCtxs": asset_contexts(venue),
        "serverTime": venue.now_ms(),
        "isVault": False,
        "user": address,
        "twapStates": running_twaps(venue, address),
        "spotState": spot_state(venue, address),
        "spotAssetCtxs": [],
        "perpsAtOpenInterestCap": perps_at_cap(venue, {}),
    }


def web_data_2(venue: DeskView, request: Request) -> dict[str, Any]:
    return web_data(venue, user_of(request))


def web_data_3(venue: DeskView, address: str) -> dict[str, Any]:
    """The account's part of what the front end shows, without positions and orders."""
    old = web_data(venue, address)
    state = {
        name: old[name]
        for name in "agentAddress agentValidUntil cumLedger serverTime isVault user".split()
    }
    dex = {
        "totalVaultEquity": "0.0",
        "perpsAtOpenInterestCap": old["perpsAtOpenInterestCap"],
        "leadingVaults": [],
    }
    return {"userState": state, "perpDexStates": [dex]}


def liquidatable(venue: DeskView, request: Request) -> list[Any]:
    """The machine liquidates at once, so no account waits for it."""
    return []


# -- what does not exist here --------------------------------------------------------------------

_AUCTION = {
    "currentGas": None,
    "durationSeconds": 111_600,
    "endGas": None,
    "startGas": "0.0",
    "startTimeSeconds": 0,
}
_NO_STAKE = {
    "delegated": "0.0",
    "undelegated": "0.0",
    "totalPendingWithdrawal": "0.0",
    "nPendingWithdrawals": 0,
}

EMPTY_OF_USER: dict[str, Any] = {
    "delegations": [],
    "delegatorHistory": [],
    "delegatorRewards": [],
    "delegatorSummary": _NO_STAKE,
    "isVip": False,
    "leadingVaults": [],
    "userToMultiSigSigners": None,
    "userVaultEquities": [],
    "userBorrowLendInterest": [],
    "borrowLendUserState": {"tokenToState": [], "health": "healthy", "healthFactor": None},
    "spotDeployState": {"states": [], "gasAuction": _AUCTION},
}
"""Answers about a user, who must be named."""

EMPTY: dict[str, Any] = {
    "allBorrowLendReserveStates": [],
    "gossipPriorityAuctionStatus": [[], []],
    "gossipRootIps": [],
    "outcomeMeta": {"outcomes": [], "questions": []},
    "outcomeTemplates": [],
    "perpAnnotation": None,
    "perpCategories": [],
    "perpConciseAnnotations": [],
    "perpDeployAuctionStatus": _AUCTION,
    "perpDexLimits": None,
    "settledOutcome": None,
    "spotPairDeployAuctionStatus": _AUCTION,
    "usdcRouting": {"depositRoute": "bridge", "withdrawalRoute": "bridge"},
    "validatorL1Votes": [],
    "validatorSummaries": [],
    "vaultDetails": None,
    "vaultSummaries": [],
}


def empty_answer(kind: str) -> Callable[[DeskView, Request], Any]:
    """What a type of ``EMPTY_OF_USER`` or ``EMPTY`` is answered with."""

    def of_user(venue: DeskView, request: Request) -> Any:
        user_of(request)
        return EMPTY_OF_USER[kind]

    def of_all(venue: DeskView, request: Request) -> Any:
        return EMPTY[kind]

    return of_user if kind in EMPTY_OF_USER else of_all


def token_details(venue: DeskView, request: Request) -> Any:
    """``tokenDetails`` of the one token. Raises BadRequest for any other."""
    if text_of(request, "tokenId") != USDC_TOKEN["tokenId"]:
        raise BadRequest("tokenId is unknown")
    supply = money_text(max(0, int(venue.tables["margin_groups"]["money_outside"][0])))
    return {
        "name": "USDC",
        "maxSupply": supply,
        "totalSupply": supply,
        "circulatingSupply": supply,
        "szDecimals": 8,
        "weiDecimals": 8,
        "midPx": "1.0",
        "markPx": "1.0",
        "prevDayPx": "1.0",
        "genesis": None,
        "deployer": None,
        "deployGas": None,
        "deployTime": None,
        "seededUsdc": money_text(0),
        "nonCirculatingUserBalances": [],
        "futureEmissions": "0.0",
    }
