"""Roles, sub-accounts, agents, referral, portfolio, the venue's own state, and what is empty here.

A sandbox has no vaults, no staking and no validators: those questions are answered as a venue
without any of them would answer.
"""

from collections.abc import Callable
from typing import Any

from seawall.domain.rulebook import Rulebook
from seawall.venues.hyperliquid.info.account import (
    account_state,
    account_value,
    spot_state,
    states_by_dex,
)
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    dex_of,
    user_of,
)
from seawall.venues.hyperliquid.info.fees import volume_of_days
from seawall.venues.hyperliquid.info.history import running_twaps
from seawall.venues.hyperliquid.info.ledger import ACTIVATION_FEE, net_deposits
from seawall.venues.hyperliquid.info.market import asset_contexts, dex_meta
from seawall.venues.hyperliquid.info.orders import frontend_orders
from seawall.venues.hyperliquid.info.spot import spot_contexts
from seawall.venues.hyperliquid.limits import total_volume
from seawall.venues.hyperliquid.wire.values import figure_text, money_text

# -- the venue -----------------------------------------------------------------------------------


def perp_dexs(venue: DeskView, request: Request) -> list[Any]:
    """null for the venue's own dex, then each builder's; a sandbox's builder is no account."""
    return [None, *(_builder_dex(venue, dex) for dex in venue.assets.dexes[1:])]


def _builder_dex(venue: DeskView, dex: str) -> dict[str, Any]:
    coins = [venue.coin(market) for market in venue.assets.markets[dex]]
    return {
        "name": dex,
        "fullName": dex,
        "deployer": "0x" + "0" * 40,
        "oracleUpdater": None,
        "feeRecipient": None,
        "assetToStreamingOiCap": [],
        "subDeployers": [],
        "deployerFeeScale": "0.0",
        "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
        "assetToFundingMultiplier": [[coin, "1.0"] for coin in coins],
        "assetToFundingInterestRate": [],
    }


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
    return _capped(venue, dex_of(venue, request))


def _capped(venue: DeskView, dex: str) -> list[str]:
    """Markets of a dex whose open interest at mark has reached its cap."""
    found = []
    for market in venue.assets.markets[dex]:
        row = venue.tables["markets"][market]
        cap = int(row["open_interest_cap"])
        if 0 < cap <= int(row["open_interest"]) * int(row["mark_price"]):
            found.append(venue.coin(market))
    return found


def perp_dex_status(venue: DeskView, request: Request) -> dict[str, Any]:
    """Of the venue's own dex. Raises BadRequest for a builder's: the machine counts deposits by
    collateral, not by dex."""
    if dex_of(venue, request):
        raise BadRequest("dex must be the venue's own")
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
        states = states_by_dex(venue, sub.address)
        shown.append(
            {
                "name": sub.name,
                "subAccountUser": sub.address,
                "master": sub.master,
                **(
                    {"dexToClearinghouseState": states}
                    if by_dex
                    else {"clearinghouseState": states[0][1]}
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
        "cumVlm": money_text(total_volume(venue.engine, venue.row_of(address))),
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
        "fee": money_text(0 if holder else ACTIVATION_FEE),
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
    volumes.append(total_volume(venue.engine, row))
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
        "meta": dex_meta(venue),
        "assetCtxs": asset_contexts(venue),
        "serverTime": venue.now_ms(),
        "isVault": False,
        "user": address,
        "twapStates": running_twaps(venue, address),
        "spotState": spot_state(venue, address),
        "spotAssetCtxs": spot_contexts(),
        "perpsAtOpenInterestCap": _capped(venue, ""),
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
    holder = venue.directory.holder(address)
    if holder and holder.abstraction != "default":
        state["abstraction"] = holder.abstraction
    dexes = [
        {
            "totalVaultEquity": "0.0",
            "perpsAtOpenInterestCap": _capped(venue, dex),
            "leadingVaults": [],
        }
        for dex in venue.assets.dexes
    ]
    return {"userState": state, "perpDexStates": dexes}


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
