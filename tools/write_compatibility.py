"""Write docs/venue/compatibility.md: which of the venue's requests are on offer, and how.

    python -m tools.write_compatibility

The lists of names are those of the venue's clients; the states follow from the registries that
answer, and the flows of clients from their tests, so the page made from this cannot promise what is
not there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiohttp import web
from msgspec import Struct

from seawall.venues.dydx.faucet import Faucet
from seawall.venues.dydx.indexer.rest import EMPTY_PATHS, Indexer
from seawall.venues.dydx.node.queries import Queries
from seawall.venues.dydx.node.rest import Rest
from seawall.venues.dydx.node.rpc import Rpc
from seawall.venues.dydx.node.service import TX_SERVICE
from seawall.venues.dydx.node.transactions import message_kinds
from seawall.venues.dydx.stream.channels import VERSIONS
from seawall.venues.hyperliquid.exchange.handle import ACTIONS
from seawall.venues.hyperliquid.info import answer
from seawall.venues.hyperliquid.stream import channels
from tests.conformance.dydx import test_client

TARGET = Path(__file__).resolve().parents[1] / "docs" / "venue" / "compatibility.md"

SUPPORTED = "supported"
EMPTY = "answered empty"
REFUSED = "refused"

_OTHER_INFO = ("borrowLendReserveState",)
"""Known types that nothing here answers."""
_OTHER_ACTIONS = (
    "CSignerAction",
    "CValidatorAction",
    "activateOutcomeDeployer",
    "agentEnableDexAbstraction",
    "agentSendAsset",
    "authorizeAqav2Role",
    "borrowLend",
    "cDeposit",
    "cWithdraw",
    "convertToMultiSigUser",
    "createVault",
    "evmUserModify",
    "finalizeEvmContract",
    "gossipPriorityBid",
    "hip3LiquidatorTransfer",
    "linkStakingUser",
    "multiSig",
    "perpDeploy",
    "sendToEvmWithData",
    "setDisplayName",
    "spotDeploy",
    "spotUser",
    "stakingLinkDisableTradingUser",
    "tokenDelegate",
    "userDexAbstraction",
    "userOutcome",
    "userPortfolioMargin",
    "validatorL1Stream",
    "vaultDistribute",
    "vaultModify",
    "vaultTransfer",
)


_TRANSACTIONS = tuple(f"/{TX_SERVICE}/{name}" for name in ("BroadcastTx", "Simulate", "GetTx"))
_OTHER_MESSAGES = (
    "/dydxprotocol.accountplus.MsgAddAuthenticator",
    "/dydxprotocol.accountplus.MsgRemoveAuthenticator",
    "/dydxprotocol.affiliates.MsgRegisterAffiliate",
    "/dydxprotocol.vault.MsgDepositToMegavault",
    "/dydxprotocol.vault.MsgWithdrawFromMegavault",
)
_OTHER_QUERIES = (
    "/cosmos.staking.v1beta1.Query/DelegatorDelegations",
    "/cosmos.staking.v1beta1.Query/DelegatorUnbondingDelegations",
    "/cosmos.staking.v1beta1.Query/Validators",
    "/dydxprotocol.accountplus.Query/GetAuthenticators",
    "/dydxprotocol.affiliates.Query/AffiliateInfo",
    "/dydxprotocol.affiliates.Query/AllAffiliateTiers",
    "/dydxprotocol.bridge.Query/DelayedCompleteBridgeMessages",
    "/dydxprotocol.feetiers.Query/AllMarketFeeDiscountParams",
    "/dydxprotocol.feetiers.Query/StakingTiers",
    "/dydxprotocol.feetiers.Query/UserStakingTier",
    "/dydxprotocol.ratelimit.Query/CapacityByDenom",
    "/dydxprotocol.rewards.Query/Params",
)
"""Known calls that nothing here answers."""
_OTHER_PATHS = (
    "/v4/affiliates/address",
    "/v4/affiliates/metadata",
    "/v4/transfers/between",
    "/v4/vault/v1/megavault/historicalPnl",
    "/v4/vault/v1/megavault/positions",
    "/v4/vault/v1/vaults/historicalPnl",
)


_BUILDER_FEES = (
    "## Builder fees",
    "",
    "An order with `builder` pays `f` tenths of a basis point of every fill, on both sides, cut to",
    "a millionth of a dollar. It moves to the builder's perp account right after the fill, from",
    "what the payer could withdraw; a fee beyond that is not charged, and the fill then has no",
    "`builderFee`. A builder need hold nothing, and gets an account with the first fee; its ledger",
    "shows the fees as transfers. A modified order is a new one, without a builder. What each fill",
    "paid is known for the newest 10,000 of an account.",
    "",
)


_MODES = (
    "## Account modes and dexes",
    "",
    "`userAbstraction` is `default` or `disabled` (standard), or `unifiedAccount`; portfolio",
    "margin is refused. Transfers between the sides of a unified account, and `subAccountTransfer`",
    "with one, are answered with `Action disabled when unified account is active`; `sendAsset` to",
    "another address is not. Markets of builders' dexes are taken under their asset ids in every",
    "action; orders of spot assets are refused. What of a unified account's answers is exact and",
    "what is assumed: [sandbox](sandbox.md#what-is-exact-assumed-missing).",
    "",
)


_FORCED = (
    "## Liquidations and a client's own books",
    "",
    "Every forced fill belongs to an order with an `oid` of its own, found by `orderStatus`,",
    "listed in `historicalOrders` and sent in `orderUpdates` when it is done: one for each",
    "position sent to the book, taken by the backstop or closed by deleveraging, and one for",
    "each counterparty of a deleveraging. Its `tif` is `LiquidationMarket` (assumed for all",
    "but the first), `limitPx` the edge of the price band or, off the book, the price of the",
    "fill (assumed). Both sides of the fill carry `liquidation` with the mark of that moment",
    "as `markPx`; `method` of a deleveraging is `backstop`, and the counterparty's fill is",
    "`crossed` (both observed).",
    "",
    "A backstop fill is at the price that leaves the bucket nothing, so it is off the mark",
    "(observed). `px` is cut to the decimals of a price; `closedPnl` is exact, and with it",
    "all that the account lost. Of a cross pool with several positions each loses in",
    "proportion to its notional (assumed). What an account still owes without positions is",
    "paid by the backstop, and stands in the ledger as an `internalTransfer` from it",
    "(assumed). So to the last unit:",
    "",
    "    account value = deposits and transfers in - those out + closedPnl - fees + funding",
    "                    + unrealized profit",
    "",
    "An order whose price or size has too many decimals is refused in its place of the answer",
    "and is no order: it is not in `orderUpdates` or `historicalOrders`. Any other refused",
    "order is, once. In a bracket each child stands for itself: a refused one leaves the",
    "other.",
    "",
)


class Entry(Struct, frozen=True):
    name: str
    state: str


def _entries(states: dict[str, str]) -> list[Entry]:
    return [Entry(name, states[name]) for name in sorted(states, key=str.lower)]


def info_types() -> list[Entry]:
    states = dict.fromkeys(_OTHER_INFO, REFUSED)
    states |= dict.fromkeys(answer.EMPTY_ANSWERS, EMPTY)
    return _entries(states | dict.fromkeys(answer.ANSWERS, SUPPORTED))


def actions() -> list[Entry]:
    states = dict.fromkeys(_OTHER_ACTIONS, REFUSED)
    return _entries(states | dict.fromkeys(ACTIONS, SUPPORTED))


def subscriptions() -> list[Entry]:
    states = dict.fromkeys(channels.CHANNELS, SUPPORTED)
    return _entries(states | dict.fromkeys(channels.SILENT, EMPTY))


def _table(title: str, entries: list[Entry]) -> list[str]:
    rows = [f"| `{entry.name}` | {entry.state} |" for entry in entries]
    counts = [
        f"{sum(entry.state == state for entry in entries)} {state}"
        for state in (SUPPORTED, EMPTY, REFUSED)
    ]
    return [f"## {title}", "", ", ".join(counts) + ".", "", "| type | |", "|---|---|", *rows, ""]


def _of_node(
    title: str, known: Iterable[str], empty: Iterable[str], other: Iterable[str]
) -> list[str]:
    """A table of what is answered, answered empty, and asked for by clients and refused."""
    states = dict.fromkeys(other, REFUSED) | dict.fromkeys(known, SUPPORTED)
    table = _table(title, _entries(states | dict.fromkeys(empty, EMPTY)))
    return ["#" + table[0], *table[1:]]


def _flows() -> list[str]:
    """What unmodified clients do in the tests, each checked on the resulting state."""
    clients = {
        test_client.CLIENT: test_client.FLOWS,
        test_client.JS_CLIENT: test_client.JS_FLOWS,
        "ccxt": test_client.CCXT_FLOWS,
    }
    names = sorted({name for flows in clients.values() for name in flows})
    rows = [
        f"| {name.replace('_', ' ')} | "
        + " | ".join("tested" if name in flows else "" for flows in clients.values())
        + " |"
        for name in names
    ]
    return [
        "### What unmodified clients do in the tests",
        "",
        "| flow | " + " | ".join(f"`{name.replace('==', ' ')}`" for name in clients) + " |",
        "|---" * (len(clients) + 1) + "|",
        *rows,
        "",
    ]


def _dydx() -> list[str]:
    """The requests that the local dYdX answers."""
    node: Any = None  # the lists of names need none
    queries = Queries(node)
    router = web.UrlDispatcher()
    Rest(node, queries).add_routes(router)
    Faucet(node).add_routes(router)
    Indexer(node).add_routes(router)
    paths = [route.resource.canonical for route in router.routes() if route.resource is not None]
    return [
        "## dYdX",
        "",
        "What `seawall up --venue dydx` answers; what is left out and assumed is on",
        "[its page](dydx.md).",
        "",
        *_of_node("Messages of transactions", message_kinds(), (), _OTHER_MESSAGES),
        *_of_node("gRPC", [*queries.handlers, *_TRANSACTIONS], (), _OTHER_QUERIES),
        *_of_node("CometBFT RPC", Rpc(node, queries).methods, (), ()),
        *_of_node("HTTP paths of indexer, node and faucet", paths, EMPTY_PATHS, _OTHER_PATHS),
        *_of_node("Channels of the socket", VERSIONS, (), ()),
        *_flows(),
    ]


def page() -> str:
    """``docs/venue/compatibility.md``."""
    lines = [
        "# What the sandbox venue answers",
        "",
        "Written by `tools/write_compatibility.py` from what the code registers; a test fails when",
        "it is out of date.",
        "",
        "- **supported**: answered from the venue's own state.",
        "- **answered empty**: taken, and answered as by a venue that has none of it: no vaults,",
        "  no staking, no borrowing, no spot orders.",
        "- **refused**: answered like a type that the venue does not know (HTTP 422).",
        "",
        *_table("`POST /info`", info_types()),
        *_table("`POST /exchange`", actions()),
        *_table("`/ws` subscriptions", subscriptions()),
        "The websocket also takes `ping` and `post`, with any of the above.",
        "",
        *_FORCED,
        *_MODES,
        *_BUILDER_FEES,
        *_dydx(),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
