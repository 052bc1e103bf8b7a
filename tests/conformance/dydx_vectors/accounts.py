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

SUBJECT = "subject"
COLLATERAL = 0
CROSS_POOL = "cross"
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
        found = {value["market"]} if "market" in value else set()
        return found.union(*(_markets_named(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(_markets_named(part) for part in value))
    return set()


def _check_assets(assets: list[Case]) -> None:
    """The machine has one collateral; the venue refuses others with a name for each sign."""
    for asset in assets:
        if asset["asset"] != COLLATERAL:
            amount = asset.get("amount", asset.get("delta", 0))
            name = "ErrNotImplementedMargin" if amount < 0 else "ErrNotImplementedMulticollateral"
            raise Refused({"error": name})


class Machine:
    """A state with the case's markets and accounts; accounts are made when first named."""

    def __init__(self, given: Case) -> None:
        self.state: WideState = wide_markets(given.get("markets", []), (), block_rules())
        unknown = _markets_named(given) - set(self.state.market_of)
        if unknown:
            raise Refused(UNKNOWN_MARKET)
        self.account_of: dict[str, int] = {}

    def add_account(self, name: str, subaccount: Case) -> int:
        _check_assets(subaccount.get("cash", []))
        self.account_of[name] = self.state.create_subaccount(subaccount)
        return self.account_of[name]

    def account(self, name: str) -> int:
        if name not in self.account_of:
            self.account_of[name] = self.state.create_account(0)
        return self.account_of[name]

    def stage(self, updates: list[Case]) -> None:
        clear_updates(self.state)
        for number, update in enumerate(updates):
            _check_assets(update["cash_changes"])
            account = self.account(update.get("account", f"account {number}"))
            add_update(self.state, number, account, -1, 0, 0)
            for asset in update["cash_changes"]:
                add_update(self.state, number, account, -1, 0, asset["delta"])
            for one in update["size_changes"]:
                market = self.state.market_of[one["market"]]
                add_update(
                    self.state, number, account, market, one["delta"], one.get("quote_delta", 0)
                )

    def outcomes(self, kind: int, count: int) -> list[int]:
        return [int(update_outcome(self.state, kind, count, number)) for number in range(count)]


def _guarded(answer: Callable[[Case], Any]) -> Callable[[Case], Any]:
    def ask(given: Case) -> Any:
        try:
            return answer(given)
        except Refused as refused:
            return refused.answer

    return ask


@_guarded
def subaccount_risk(given: Case) -> Result:
    machine = Machine(given)
    name = given["change"].get("account", SUBJECT)
    account = machine.add_account(name, given)
    machine.stage([given["change"]])
    net, initial, maintenance = account_standing(machine.state, account, 0)
    return {"net": net, "initial": initial, "maintenance": maintenance}


def _judged(given: Case) -> tuple[Machine, int, list[int]]:
    machine = Machine(given)
    for subaccount in given["accounts"]:
        machine.add_account(subaccount["id"], subaccount)
    _close_gates(machine.state, given)
    machine.stage(given["changes"])
    kind = int(UpdateKind[given["kind_of_change"]])
    return machine, kind, machine.outcomes(kind, len(given["changes"]))


def _close_gates(state: WideState, given: Case) -> None:
    if "current_block" not in given:
        return
    state.set("block_rules", 0, height=given["current_block"] - 1)
    for perpetual, height in given["negative_at_block"].items():
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
        "results": [Reason(outcome).name for outcome in outcomes],
    }


@_guarded
def can_update_subaccounts(given: Case) -> Result:
    _, _, outcomes = _judged(given)
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
def update_subaccounts(given: Case) -> Result:
    machine, kind, outcomes = _judged(given)
    state, count = machine.state, len(given["changes"])
    pools = given.get("pools", {})
    _write_pools(state, pools)
    answer = _verdict(outcomes)
    if answer.get("success"):
        accounts = [machine.account(update["account"]) for update in given["changes"]]
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
def oi_delta(given: Case) -> Result:
    if given["kind_of_change"] != UpdateKind.MATCH_UPDATE.name:
        return {"delta": None}
    perpetuals = [
        {
            "id": number,
            "size_exponent": -6,
            "price_exponent": 0,
            "price": 1,
            "open_interest": 0,
            "funding_index": 0,
            "tier": NO_TIER,
        }
        for number in sorted(_markets_named(dict(given)))
    ]
    machine = Machine({"markets": perpetuals})
    updates = given["changes"]
    for number, update in enumerate(updates):
        machine.add_account(f"account {number}", update)
    machine.stage([{"cash_changes": [], **update} for update in updates])
    is_sound, market, change = open_interest_move(machine.state)
    if not is_sound:
        return PANIC
    if market < 0:
        return {"delta": None}
    names = {row: perpetual for perpetual, row in machine.state.market_of.items()}
    return {"delta": {"market": names[market], "size": change}}


def _before(subaccount: Case, assets: list[Case], sizes: list[Case]) -> Case:
    """The account as it was before an update that has been applied to it."""
    cash = sum(asset["amount"] for asset in subaccount["cash"])
    held = {one["market"]: one["amount"] for one in subaccount["positions"]}
    for one in sizes:
        held[one["market"]] = held.get(one["market"], 0) - one["delta"]
    return {
        "cash": [{"asset": COLLATERAL, "amount": cash - sum(asset["delta"] for asset in assets)}],
        "positions": [{"market": perpetual, "amount": size} for perpetual, size in held.items()],
    }


@_guarded
def isolated_transition(given: Case) -> Result:
    machine = Machine(given)
    assets, sizes = given["cash_changes"], given["size_changes"]
    is_single = [asset["asset"] for asset in assets] == [COLLATERAL]
    before = _before(given["changed_account"], assets if is_single else [], sizes)
    account = machine.add_account("account 0", before)
    update = {"cash_changes": assets if is_single else [], "size_changes": sizes}
    machine.stage([update])
    if len(sizes) != 1:
        return {"transition": None}
    market, amount = pool_move(machine.state, account, 0)
    if market < 0:
        return {"transition": None}
    if not is_single:
        return REFUSED
    was_flat = all(one["amount"] == 0 for one in before["positions"])
    names = {row: perpetual for perpetual, row in machine.state.market_of.items()}
    return {
        "transition": {
            "market": names[market],
            "quote": amount if was_flat else -amount,
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
    "account_risk": _covers,
    "change_accounts": _covers,
}

GROUPS = {
    "account_risk": subaccount_risk,
    "can_change_accounts": can_update_subaccounts,
    "withdrawals_blocked": can_update_subaccounts,
    "change_accounts": update_subaccounts,
    "open_interest_change": oi_delta,
    "isolated_transition": isolated_transition,
}
