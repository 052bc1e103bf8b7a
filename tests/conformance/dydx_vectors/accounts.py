"""Updates of accounts: risk, judgement, effect, pools and gates, from the rows of a state."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.codes import NO_REASON
from seawall.domain.enums import EventKind, Reason, UpdateKind
from seawall.engine.formulas.blocks.margin import account_standing, open_interest_move
from seawall.engine.formulas.blocks.updates import (
    pool_move,
    pool_rejection,
    update_outcome,
)
from seawall.engine.transitions.blocks.updates import (
    add_update,
    apply_updates,
    clear_updates,
)
from tests.conformance.dydx_vectors.rules import block_rules
from tests.conformance.dydx_vectors.wide import NO_TIER, WideState, wide_markets

Case = Mapping[str, Any]
Result = dict[str, Any]

SUBJECT = "test/0"
COLLATERAL = 0
CROSS_POOL = "subaccounts"
KINDS = {
    "Match": UpdateKind.MATCH_UPDATE,
    "CollatCheck": UpdateKind.COLLATERAL_CHECK_UPDATE,
    "Deposit": UpdateKind.DEPOSIT_UPDATE,
    "Withdrawal": UpdateKind.WITHDRAWAL_UPDATE,
    "Transfer": UpdateKind.TRANSFER_UPDATE,
}
RESULTS = {
    Reason.NO_REASON: "Success",
    Reason.NEWLY_UNDERCOLLATERALIZED: "NewlyUndercollateralized",
    Reason.STILL_UNDERCOLLATERALIZED: "StillUndercollateralized",
    Reason.TRANSFERS_BLOCKED: "WithdrawalsAndTransfersBlocked",
    Reason.ISOLATED_MARKET_RULE: "ViolatesIsolatedSubaccountConstraints",
}
UNKNOWN_MARKET = {"error": "ErrPerpetualDoesNotExist"}
NOT_UPDATABLE = {"error": "ErrProductPositionNotUpdatable"}
REFUSED = {"error": "ErrFailedToUpdateSubaccounts"}
NO_FUNDS = {"error": "ErrInsufficientFunds"}
PANIC = {"error": "panic"}


class Refused(Exception):
    """The machine knows no such thing: another collateral, a market that does not exist."""

    def __init__(self, answer: Result) -> None:
        super().__init__(answer)
        self.answer = answer


def _markets_named(value: Any) -> set[int]:
    if isinstance(value, Mapping):
        found = {value["perpetual_id"]} if "perpetual_id" in value else set()
        return found.union(*(_markets_named(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(_markets_named(part) for part in value))
    return set()


def _check_assets(assets: list[Case]) -> None:
    """The machine has one collateral; the venue refuses others with a name for each sign."""
    for asset in assets:
        if asset["asset_id"] != COLLATERAL:
            amount = asset.get("quantums", asset.get("delta", 0))
            name = "ErrNotImplementedMargin" if amount < 0 else "ErrNotImplementedMulticollateral"
            raise Refused({"error": name})


class Machine:
    """A state with the case's markets and accounts; accounts are made when first named."""

    def __init__(self, inputs: Case) -> None:
        self.state: WideState = wide_markets(inputs.get("perpetuals", []), (), block_rules())
        unknown = _markets_named(inputs) - set(self.state.market_of)
        if unknown:
            raise Refused(UNKNOWN_MARKET)
        self.account_of: dict[str, int] = {}

    def add_account(self, name: str, subaccount: Case) -> int:
        _check_assets(subaccount.get("asset_positions", []))
        self.account_of[name] = self.state.create_subaccount(subaccount)
        return self.account_of[name]

    def account(self, name: str) -> int:
        if name not in self.account_of:
            self.account_of[name] = self.state.create_account(0)
        return self.account_of[name]

    def stage(self, updates: list[Case]) -> None:
        clear_updates(self.state)
        for number, update in enumerate(updates):
            _check_assets(update["asset_updates"])
            account = self.account(update.get("subaccount", f"account {number}"))
            add_update(self.state, number, account, -1, 0, 0)
            for asset in update["asset_updates"]:
                add_update(self.state, number, account, -1, 0, asset["delta"])
            for one in update["perpetual_updates"]:
                market = self.state.market_of[one["perpetual_id"]]
                add_update(
                    self.state, number, account, market, one["delta"], one.get("quote_delta", 0)
                )

    def outcomes(self, kind: int, count: int) -> list[int]:
        return [int(update_outcome(self.state, kind, count, number)) for number in range(count)]


def _guarded(answer: Callable[[Case], Any]) -> Callable[[Case], Any]:
    def ask(inputs: Case) -> Any:
        try:
            return answer(inputs)
        except Refused as refused:
            return refused.answer

    return ask


@_guarded
def subaccount_risk(inputs: Case) -> Result:
    machine = Machine(inputs)
    name = inputs["update"].get("subaccount", SUBJECT)
    account = machine.add_account(name, inputs)
    machine.stage([inputs["update"]])
    net, initial, maintenance = account_standing(machine.state, account, 0)
    return {"nc": net, "imr": initial, "mmr": maintenance}


def _judged(inputs: Case) -> tuple[Machine, int, list[int]]:
    machine = Machine(inputs)
    for subaccount in inputs["subaccounts"]:
        machine.add_account(subaccount["id"], subaccount)
    _close_gates(machine.state, inputs)
    machine.stage(inputs["updates"])
    kind = int(KINDS[inputs["update_type"]])
    return machine, kind, machine.outcomes(kind, len(inputs["updates"]))


def _close_gates(state: WideState, inputs: Case) -> None:
    if "current_block" not in inputs:
        return
    state.set("block_rules", 0, height=inputs["current_block"] - 1)
    for perpetual, height in inputs["negative_tnc_seen_at_block"].items():
        market = state.market_of.get(int(perpetual), -1)
        if market >= 0 and state.get("block_markets", market, "own_pool"):
            state.set("block_markets", market, gated_height=height)
        else:
            seen = state.get("block_rules", 0, "cross_gated_height")
            state.set("block_rules", 0, cross_gated_height=max(seen, height))


def _verdict(outcomes: list[int]) -> Result:
    if int(Reason.NO_REFERENCE_PRICE) in outcomes:
        return NOT_UPDATABLE
    return {
        "success": all(outcome == NO_REASON for outcome in outcomes),
        "results": [RESULTS[Reason(outcome)] for outcome in outcomes],
    }


@_guarded
def can_update_subaccounts(inputs: Case) -> Result:
    _, _, outcomes = _judged(inputs)
    return _verdict(outcomes)


def _write_pools(state: WideState, pools: Mapping[str, int]) -> None:
    for name, amount in pools.items():
        if name == CROSS_POOL:
            state.set("block_rules", 0, cross_pool_cash=amount)
        else:
            market = state.market_of[int(name.rpartition(":")[2])]
            state.set("block_markets", market, pool_cash=amount)


def _read_pools(state: WideState, pools: Mapping[str, int]) -> dict[str, int]:
    read = {}
    for name in pools:
        if name == CROSS_POOL:
            read[name] = state.get("block_rules", 0, "cross_pool_cash")
        else:
            market = state.market_of[int(name.rpartition(":")[2])]
            read[name] = state.get("block_markets", market, "pool_cash")
    return read


def _payments(state: WideState) -> dict[str, int]:
    names = {market: str(perpetual) for perpetual, market in state.market_of.items()}
    return {
        names[event["market"]]: -event["money"] for event in state.events(EventKind.FUNDING_PAID)
    }


@_guarded
def update_subaccounts(inputs: Case) -> Result:
    machine, kind, outcomes = _judged(inputs)
    state, count = machine.state, len(inputs["updates"])
    pools = inputs.get("pools", {})
    _write_pools(state, pools)
    answer = _verdict(outcomes)
    if answer.get("success"):
        accounts = [machine.account(update["subaccount"]) for update in inputs["updates"]]
        if any(pool_rejection(state, account, n) for n, account in enumerate(accounts)):
            answer = dict(NO_FUNDS)
        else:
            apply_updates(state, kind, count)
    answer |= state.subaccount(machine.account(SUBJECT))
    answer["pools"] = _read_pools(state, pools)
    answer["funding_payments"] = _payments(state)
    answer["open_interest"] = {
        str(perpetual): state.get("markets", market, "open_interest")
        for perpetual, market in state.market_of.items()
    }
    return answer


@_guarded
def oi_delta(inputs: Case) -> Result:
    if inputs["update_type"] != "Match":
        return {"delta": None}
    perpetuals = [
        {
            "id": number,
            "atomic_resolution": -6,
            "price_exponent": 0,
            "price": 1,
            "open_interest": 0,
            "funding_index": 0,
            "liquidity_tier": NO_TIER,
        }
        for number in sorted(_markets_named(dict(inputs)))
    ]
    machine = Machine({"perpetuals": perpetuals})
    updates = inputs["settled_updates"]
    for number, update in enumerate(updates):
        machine.add_account(f"account {number}", update)
    machine.stage([{"asset_updates": [], **update} for update in updates])
    is_sound, market, change = open_interest_move(machine.state)
    if not is_sound:
        return PANIC
    if market < 0:
        return {"delta": None}
    names = {row: perpetual for perpetual, row in machine.state.market_of.items()}
    return {"delta": {"perpetual_id": names[market], "base_quantums": change}}


def _before(subaccount: Case, assets: list[Case], sizes: list[Case]) -> Case:
    """The account as it was before an update that has been applied to it."""
    cash = sum(asset["quantums"] for asset in subaccount["asset_positions"])
    held = {one["perpetual_id"]: one["quantums"] for one in subaccount["perpetual_positions"]}
    for one in sizes:
        held[one["perpetual_id"]] = held.get(one["perpetual_id"], 0) - one["delta"]
    return {
        "asset_positions": [
            {"asset_id": COLLATERAL, "quantums": cash - sum(asset["delta"] for asset in assets)}
        ],
        "perpetual_positions": [
            {"perpetual_id": perpetual, "quantums": size} for perpetual, size in held.items()
        ],
    }


@_guarded
def isolated_transition(inputs: Case) -> Result:
    machine = Machine(inputs)
    assets, sizes = inputs["asset_updates"], inputs["perpetual_updates"]
    is_single = [asset["asset_id"] for asset in assets] == [COLLATERAL]
    before = _before(inputs["updated_subaccount"], assets if is_single else [], sizes)
    account = machine.add_account("account 0", before)
    update = {"asset_updates": assets if is_single else [], "perpetual_updates": sizes}
    machine.stage([update])
    if len(sizes) != 1:
        return {"transition": None}
    market, amount = pool_move(machine.state, account, 0)
    if market < 0:
        return {"transition": None}
    if not is_single:
        return REFUSED
    was_flat = all(one["quantums"] == 0 for one in before["perpetual_positions"])
    names = {row: perpetual for perpetual, row in machine.state.market_of.items()}
    return {
        "transition": {
            "perpetual_id": names[market],
            "quote_quantums": amount if was_flat else -amount,
            "kind": "Opened" if was_flat else "Closed",
        }
    }


def _covers(got: Any, expected: Any) -> bool:
    """A case may leave out what it does not speak of."""
    return isinstance(got, dict) and all(
        name in got and _same_or_part(got[name], value) for name, value in expected.items()
    )


def _same_or_part(got: Any, expected: Any) -> bool:
    return _covers(got, expected) if isinstance(expected, dict) else bool(got == expected)


COMPARE = {
    "subaccount_risk": _covers,
    "update_subaccounts": _covers,
}

GROUPS = {
    "subaccount_risk": subaccount_risk,
    "can_update_subaccounts": can_update_subaccounts,
    "withdrawals_blocked": can_update_subaccounts,
    "update_subaccounts": update_subaccounts,
    "oi_delta": oi_delta,
    "isolated_transition": isolated_transition,
}
