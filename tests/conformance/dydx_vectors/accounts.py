"""Updates of accounts: risk, judgement, effect, pools and gates, from the rows of a state."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.codes import NO_REASON
from seawall.domain.enums import EventKind, Reason, UpdateKind
from seawall.engine.formulas.blocks.margin import account_standing, open_interest_move
from seawall.engine.formulas.blocks.standing import covers_initial
from seawall.engine.formulas.blocks.updates import (
    pool_move,
    pool_rejection,
    update_outcome,
    updates_rejection,
)
from seawall.engine.transitions.blocks.updates import (
    add_update,
    apply_updates,
    clear_updates,
)
from seawall.venues.dydx.wire.errors import ERROR_OF_REASON, ERRORS
from tests.conformance.dydx_vectors.rules import block_rules
from tests.conformance.dydx_vectors.wide import NO_TIER, WideState, wide_markets

Case = Mapping[str, Any]
Result = dict[str, Any]

SUBJECT = "subject"
COLLATERAL = 0
CROSS_POOL = "cross"
PANIC = {"error": "panic"}


def _error(name: str) -> Result:
    """What the venue returns beside an error: nothing succeeded, and no account has a result."""
    assert name in ERRORS, f"{name} has no code"
    return {"error": name, "success": False, "results": None}


class Refused(Exception):
    """The venue refuses before it judges, for a reason that the machine cannot come to."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.answer = _error(name)


def _markets_named(value: Any) -> set[int]:
    if isinstance(value, Mapping):
        found = {value["market"]} if "market" in value else set()
        return found.union(*(_markets_named(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(_markets_named(part) for part in value))
    return set()


class OtherAssets:
    """Assets beside the one that is collateral, which the machine does not know.

    The venue keeps them, and refuses to value an account that has any of one.
    """

    def __init__(self, assets: list[Case]) -> None:
        self.amounts: Counter[int] = Counter()
        self.add(assets)

    def add(self, assets: list[Case]) -> None:
        for asset in assets:
            if asset["asset"] != COLLATERAL:
                self.amounts[asset["asset"]] += asset.get("amount", asset.get("delta", 0))

    def after(self, changes: list[Case]) -> "OtherAssets":
        changed = OtherAssets([])
        changed.amounts.update(self.amounts)
        changed.add(changes)
        return changed

    def check(self) -> None:
        """Raises Refused with the venue's name for the sign of the first that is not 0."""
        for _, amount in sorted(self.amounts.items()):
            if amount:
                name = "ErrNotImplementedMulticollateral"
                raise Refused(name if amount > 0 else "ErrNotImplementedMargin")


def _collateral(assets: list[Case]) -> list[Case]:
    return [asset for asset in assets if asset["asset"] == COLLATERAL]


class Machine:
    """A state with the case's markets and accounts; accounts are made when first named."""

    def __init__(self, given: Case) -> None:
        self.state: WideState = wide_markets(given.get("markets", []), (), block_rules())
        unknown = _markets_named(given) - set(self.state.market_of)
        if unknown:
            raise Refused("ErrPerpetualDoesNotExist")
        self.account_of: dict[str, int] = {}
        self.other_assets: dict[int, OtherAssets] = {}
        self.updates: list[Case] = []

    def add_account(self, name: str, subaccount: Case) -> int:
        assets = subaccount.get("cash", [])
        account = self.state.create_subaccount({**subaccount, "cash": _collateral(assets)})
        self.account_of[name] = account
        self.other_assets[account] = OtherAssets(assets)
        return account

    def account(self, name: str) -> int:
        if name not in self.account_of:
            self.add_account(name, {})
        return self.account_of[name]

    def stage(self, updates: list[Case]) -> None:
        clear_updates(self.state)
        self.updates = updates
        for number, update in enumerate(updates):
            account = self.account_of_update(number)
            add_update(self.state, number, account, -1, 0, 0)
            for asset in _collateral(update["cash_changes"]):
                add_update(self.state, number, account, -1, 0, asset["delta"])
            for one in update["size_changes"]:
                market = self.state.market_of[one["market"]]
                add_update(
                    self.state, number, account, market, one["delta"], one.get("quote_delta", 0)
                )

    def account_of_update(self, number: int) -> int:
        return self.account(self.updates[number].get("account", f"account {number}"))

    def outcomes(self, kind: int) -> list[int]:
        """Why each update fails, 0 where it does not. Raises Refused for an error of them all."""
        count = len(self.updates)
        found = [int(update_outcome(self.state, kind, count, number)) for number in range(count)]
        if Reason.NO_REFERENCE_PRICE in found:
            raise Refused(ERROR_OF_REASON[Reason.NO_REFERENCE_PRICE])
        if not {Reason.ISOLATED_MARKET_RULE, Reason.TRANSFERS_BLOCKED} & set(found):
            for number in range(count):
                self.check_assets(number)
        return found

    def check_assets(self, number: int) -> None:
        """Accounts are valued after an update, and before it where that falls short of initial.

        Raises Refused.
        """
        account = self.account_of_update(number)
        assets = self.other_assets[account]
        assets.after(self.updates[number]["cash_changes"]).check()
        net, initial, _ = account_standing(self.state, account, number)
        if not covers_initial(net, initial):
            assets.check()


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
    machine.other_assets[account].after(given["change"]["cash_changes"]).check()
    net, initial, maintenance = account_standing(machine.state, account, 0)
    return {"net": net, "initial": initial, "maintenance": maintenance}


def _staged(given: Case) -> tuple[Machine, int]:
    machine = Machine(given)
    for subaccount in given["accounts"]:
        machine.add_account(subaccount["id"], subaccount)
    _close_gates(machine.state, given)
    machine.stage(given["changes"])
    return machine, int(UpdateKind[given["kind_of_change"]])


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
    return {
        "success": all(outcome == NO_REASON for outcome in outcomes),
        "results": [Reason(outcome).name for outcome in outcomes],
    }


@_guarded
def can_update_subaccounts(given: Case) -> Result:
    machine, kind = _staged(given)
    return _verdict(machine.outcomes(kind))


def _write_pools(state: WideState, pools: Mapping[str, int]) -> None:
    for name, amount in pools.items():
        if name == CROSS_POOL:
            state.set("block_rules", 0, cross_pool_cash=amount)
        else:
            market = state.market_of[int(name.rpartition(":")[2])]
            state.set("block_markets", market, pool_cash=amount)


def _read_pools(state: WideState) -> dict[str, int]:
    """The cross pool, and that of each market with its own."""
    return {CROSS_POOL: state.get("block_rules", 0, "cross_pool_cash")} | {
        f"{CROSS_POOL}:{perpetual}": state.get("block_markets", market, "pool_cash")
        for perpetual, market in state.market_of.items()
        if state.get("block_markets", market, "own_pool")
    }


def _payments(state: WideState) -> dict[str, int]:
    names = {market: str(perpetual) for perpetual, market in state.market_of.items()}
    return {
        names[event["market"]]: -event["money"] for event in state.events(EventKind.FUNDING_PAID)
    }


def _applied(machine: Machine, kind: int) -> Result:
    """What the venue returns; where that is success the updates are applied."""
    state, count = machine.state, len(machine.updates)
    if updates_rejection(state, kind, count) == Reason.ACCOUNT_UPDATED_TWICE:
        raise Refused(ERROR_OF_REASON[Reason.ACCOUNT_UPDATED_TWICE])
    answer = _verdict(machine.outcomes(kind))
    if answer["success"]:
        for number in range(count):
            reason = pool_rejection(state, machine.account_of_update(number), number)
            if reason != NO_REASON:
                raise Refused(ERROR_OF_REASON[Reason(reason)])
        apply_updates(state, kind, count)
        for number, update in enumerate(machine.updates):
            machine.other_assets[machine.account_of_update(number)].add(update["cash_changes"])
    return answer


def _after(machine: Machine) -> Result:
    """The account that the case looks at, the pools, and what else an update changes."""
    state, subject = machine.state, machine.account(SUBJECT)
    after = state.subaccount(subject)
    others = sorted(machine.other_assets[subject].amounts.items())
    after["cash"] += [{"asset": asset, "amount": amount} for asset, amount in others if amount]
    return after | {
        "pools": _read_pools(state),
        "funding_payments": _payments(state),
        "open_interest": {
            str(perpetual): state.get("markets", market, "open_interest")
            for perpetual, market in state.market_of.items()
        },
    }


def update_subaccounts(given: Case) -> Result:
    """What the venue returns, and the account afterwards: a refusal leaves it as it was."""
    try:
        machine, kind = _staged(given)
    except Refused as refused:
        subject = next((one for one in given["accounts"] if one["id"] == SUBJECT), {})
        return refused.answer | {name: subject.get(name, []) for name in ("cash", "positions")}
    _write_pools(machine.state, given.get("pools", {}))
    try:
        answer = _applied(machine, kind)
    except Refused as refused:
        answer = refused.answer
    return answer | _after(machine)


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
    changed = given["changed_account"]
    changed = {**changed, "cash": _collateral(changed["cash"])}
    before = _before(changed, assets if is_single else [], sizes)
    account = machine.add_account("account 0", before)
    update = {"cash_changes": assets if is_single else [], "size_changes": sizes}
    machine.stage([update])
    if len(sizes) != 1:
        return {"transition": None}
    market, amount = pool_move(machine.state, account, 0)
    if market < 0:
        return {"transition": None}
    if not is_single:
        return {"error": "ErrFailedToUpdateSubaccounts"}
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
    "can_change_accounts": _covers,
    "withdrawals_blocked": _covers,
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
