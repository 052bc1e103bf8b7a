"""Whatever the policy, the path and the faults: the guard only ever makes an account smaller."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from msgspec import structs

from seawall.domain.units import PPM
from seawall.guard import works
from seawall.guard.actions import Action, AddMargin, CancelOrder, PlaceOrder
from seawall.guard.assess import assess
from seawall.guard.decide import decide, decide_fully
from seawall.guard.draft import Draft, Reduction
from seawall.guard.memory import Memory, StepMemory
from seawall.guard.policy import (
    CHASE,
    CLOSE,
    DISTANCE,
    FLATTEN,
    ICEBERG,
    MARGIN_RATIO,
    MARKET,
    POOL,
    POV,
    REDUCE,
    STOP,
    TAKE_PROFIT,
    TOP_UP,
    TRAILING,
    TWAP,
    WALLET,
    AccountLimits,
    DrawdownLimits,
    Execution,
    FundingLimits,
    Hands,
    Pair,
    Policy,
    Step,
    Stop,
)
from seawall.guard.recover import recovered
from seawall.guard.view import View
from tests.guard.venue import CROSS, START_MS, Venue, coins, price, usd

MARKETS = ("BTC", "ETH")
LEAST, MOST_ROUNDS = 10, 4
"""How often each kind must be reached, and in how many rounds at most."""


def ppm(low: float, high: float) -> st.SearchStrategy[int]:
    return st.integers(round(low * 100), round(high * 100)).map(lambda n: n * PPM // 100)


@st.composite
def steps(draw: st.DrawFn, number: int) -> Step:
    measure = draw(st.sampled_from([MARGIN_RATIO, DISTANCE]))
    action = draw(
        st.sampled_from(["alert", "cancel_entries", CLOSE, TOP_UP, TOP_UP, REDUCE, FLATTEN])
    )
    trigger = draw(ppm(0.12, 0.8)) if measure == MARGIN_RATIO else draw(ppm(0.02, 0.2))
    calmer = (trigger * 8 // 10) if measure == MARGIN_RATIO else trigger * 12 // 10
    source = draw(st.sampled_from([POOL, WALLET]))
    on = draw(st.sampled_from(["all", "cross", "isolated"]))
    if action == TOP_UP:
        on = "isolated" if source == POOL else "cross"
    return Step(
        name=f"step {number}",
        action=action,
        on=on,
        measure=measure,
        trigger=trigger,
        rearm=calmer,
        hold_ms=draw(st.sampled_from([0, 2000])),
        cooldown_ms=draw(st.sampled_from([0, 5000, 600_000])),
        verify_ms=draw(st.sampled_from([3000, 60_000])),
        share=draw(ppm(0.1, 1)) if action == CLOSE else PPM,
        target=calmer if action == REDUCE else None,
        source=source if action == TOP_UP else POOL,
        amount=draw(st.integers(1, 800)) * usd(1) if action == TOP_UP else 0,
        max_count=draw(st.integers(1, 4)) if action == TOP_UP else 0,
        max_total=draw(st.integers(800, 1500)) * usd(1) if action == TOP_UP else 0,
        min_move=draw(st.sampled_from([1, PPM // 100])) if action == TOP_UP else 0,
        execution=draw(st.sampled_from(["slow", "slow", MARKET])),
    )


@st.composite
def stops(draw: st.DrawFn, number: int) -> Stop:
    kind = draw(st.sampled_from([STOP, TAKE_PROFIT, TRAILING]))
    return Stop(
        name=f"exit {number}",
        kind=kind,
        held_by=draw(st.sampled_from(["venue", "guard"])),
        distance=draw(ppm(0.02, 0.3)),
        share=draw(st.sampled_from([PPM // 3, PPM])) if number else PPM // 2,
        escalate_ms=draw(st.sampled_from([1000, 5000])),
    )


@st.composite
def policies(draw: st.DrawFn, style: str) -> Policy:
    limit = st.one_of(st.none(), st.none(), st.none(), ppm(1, 9))
    return Policy(
        name="random",
        account=AccountLimits(
            risk_capital=usd(6_000),
            margin_buffer=usd(100),
            max_leverage=draw(limit),
            max_leverage_market=draw(limit),
            max_leverage_trade=draw(limit),
            over_limit=draw(st.sampled_from(["alert", "cancel_entries", "reduce"])),
        ),
        drawdown=DrawdownLimits(
            from_peak=draw(st.one_of(st.none(), st.none(), ppm(0.05, 0.5))),
            from_day_start=draw(st.one_of(st.none(), st.none(), ppm(0.05, 0.5))),
            smoothing_ms=draw(st.sampled_from([0, 5000])),
        ),
        steps=tuple(draw(steps(n)) for n in range(draw(st.integers(1, 5)))),
        stops=tuple(draw(stops(n)) for n in range(draw(st.sampled_from([0, 0, 1, 2])))),
        funding=draw(
            st.one_of(
                st.none(),
                st.builds(
                    FundingLimits,
                    max_payment=st.just(usd(5)),
                    action=st.sampled_from(["alert", "trim", "close"]),
                ),
            )
        ),
        executions=(
            Execution(
                name="slow", style=style, slice=usd(500), duration_ms=20_000, interval_ms=1000,
                escalate_ms=draw(st.sampled_from([5_000, 60_000])),
            ),
        ),
        pairs=draw(
            st.sampled_from(
                [(), (Pair(name="p", legs=MARKETS),),
                 (Pair(name="p", legs=MARKETS, when_leg_lost="close"),)]
            )
        ),
        hands=Hands(
            during_cooldown=draw(
                st.sampled_from(["panic", "normal", "manual", "take_profit_only", "graceful_stop"])
            )
        ),
    )  # fmt: skip


Moves = list[tuple[float, float, str]]
EVENTS = [
    "", "", "", "", "disagree", "restart", "partial", "nothing fills", "lost", "silent", "slips",
    "stuck", "thin", "enter", "fine", "fine", "fine", "stale", "reset",
]  # fmt: skip


def moves(least: float, most: float) -> st.SearchStrategy[Moves]:
    step = st.tuples(st.floats(least, most), st.floats(least, most), st.sampled_from(EVENTS))
    return st.lists(step, min_size=20, max_size=60)


DEPTH = {"BTC": coins(5), "ETH": coins(50), "SOL": coins(400)}


def world() -> Venue:
    venue = Venue(
        {"BTC": price(1000), "ETH": price(100), "SOL": price(10)},
        {CROSS: usd(3_000), "ETH": usd(700), "SOL": usd(600)},
    )
    venue.open("BTC", 12)
    venue.open("ETH", -60, bucket="ETH")
    venue.open("SOL", -500, bucket="SOL")
    venue.wallets = {WALLET: usd(1_000)}
    venue.volume = dict.fromkeys(venue.marks, 0)
    venue.depth = dict(DEPTH)
    venue.funding = {
        "BTC": (10**9, START_MS + 20_000), "ETH": (-(10**9), START_MS + 20_000),
        "SOL": (10**9, START_MS + 20_000),
    }  # fmt: skip
    return venue


def happen(venue: Venue, event: str) -> tuple[str, ...]:
    """What changes before a look; the names that a person resets."""
    if event == "fine":
        venue.fills, venue.takes, venue.confirms = PPM, True, True
        venue.slip, venue.fires, venue.answers = 0, True, True
        venue.ages, venue.depth, venue.reported = {}, dict(DEPTH), {}
    venue.fills = {"partial": PPM // 3, "nothing fills": 0}.get(event, venue.fills)
    venue.takes = venue.takes and event != "lost"
    venue.confirms = venue.confirms and event != "silent"
    venue.slip = PPM // 50 if event == "slips" else venue.slip
    venue.fires = venue.fires and event != "stuck"
    venue.depth = {} if event == "thin" else venue.depth
    venue.ages = {"account": 60_000} if event == "stale" else venue.ages
    venue.reported = {CROSS: 1} if event == "disagree" else venue.reported
    if event == "enter":
        for name, size in (("BTC", 2.0), ("ETH", -5.0)):
            held = venue.held.get(name)
            if held is not None:
                sign = 1 if held.signed_size > 0 else -1
                venue.open(name, sign * abs(size), bucket=held.bucket)
    return ("drawdown from peak", "step 0") if event == "reset" else ()


def play(policy: Policy, moves: Moves, reached: Counter[str]) -> None:
    """``reached``: counts what was done, and by which rule."""
    venue, memory = world(), Memory()
    given: dict[str, list[int]] = defaultdict(list)
    for btc, eth, event in moves:
        resets = happen(venue, event)
        if resets:
            given = defaultdict(list)
        venue.marks["BTC"] = max(1, round(venue.marks["BTC"] * btc))
        for name in ("ETH", "SOL"):
            venue.marks[name] = max(1, round(venue.marks[name] * eth))
        venue.volume = {name: traded + coins(3) for name, traded in venue.volume.items()}
        view = venue.view(resets=resets)
        if event == "restart":
            memory = recovered(policy, msgspec.json.decode(msgspec.json.encode(memory),
                                                           type=Memory), view)  # fmt: skip
        full, same = decide_fully(policy, memory, view)
        after, actions, asked = decided(policy, memory, view)
        assert same == actions
        assert structs.replace(full, quiet=None) == structs.replace(after, quiet=None)
        check_orders(venue, memory, after, actions, asked)
        check_journal(policy, after, actions)
        check_doubt(policy, view, actions)
        for each in actions:
            if isinstance(each, AddMargin):
                given[each.name.rpartition("/")[0].rpartition("/")[0]].append(each.amount)
        check_top_ups(policy, view, actions, given)
        reached.update(kinds_of(policy, memory, after, actions))
        before = {name: held.signed_size for name, held in venue.held.items()}
        venue.apply(actions)
        for name, held in venue.held.items():
            assert before[name] * held.signed_size > 0, "no position is flipped"
            assert abs(held.signed_size) <= abs(before[name]), "no position is increased"
        memory = after
        venue.move(1000)


def kinds_of(
    policy: Policy, before: Memory, after: Memory, actions: tuple[Action, ...]
) -> Iterator[str]:
    """What one decision has done: kinds of actions, and the rules that fired."""
    actions_of = {each.name: each.action for each in policy.steps}
    for each in actions:
        yield type(each).__name__
        if isinstance(each, AddMargin):
            yield f"top up from the {each.source}"
        if isinstance(each, PlaceOrder):
            yield f"order {each.kind}" + (", take-profit" if each.take_profit else "")
            rule = each.step.rpartition("/")[0] or each.step
            yield f"reduction by {actions_of.get(rule, rule.split(' ')[0])}"
    for key, memory in after.steps.items():
        if memory.episode > before.steps.get(key, StepMemory()).episode:
            yield f"step {actions_of.get(key.rpartition('/')[0], 'limit')}"
    for market, work in after.works.items():
        if market not in before.works and work.execution == "slow":
            yield f"execution {policy.execution('slow').style}"
    if after.account is not None and after.account.latched:
        yield f"latched by {after.account.latched}"


def decided(
    policy: Policy, memory: Memory, view: View
) -> tuple[Memory, tuple[Action, ...], list[Reduction]]:
    """A decision, and all reductions that its rules asked for."""
    asked: list[Reduction] = []
    original = works.largest

    def spied(found: list[Reduction]) -> dict[str, Reduction]:
        asked.extend(found)
        return original(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(works, "largest", spied)
        return *decide(policy, memory, view), asked


def check_orders(
    venue: Venue, before: Memory, after: Memory, actions: tuple[Action, ...],
    asked: list[Reduction],
) -> None:  # fmt: skip
    """Every order reduces, and together no more than the largest reduction of its market."""
    sent = {each.sent.client_id for each in after.works.values() if each.sent is not None}
    sizes: dict[str, int] = defaultdict(int)
    for each in actions:
        if isinstance(each, PlaceOrder):
            held = venue.held[each.market]
            assert each.reduce_only
            assert each.is_buy == (held.signed_size < 0)
            assert 0 < each.size <= abs(held.signed_size)
            if each.kind != "trigger":
                sizes[each.market] += each.size
    for market in sizes:
        resting = [each for each in venue.orders if each.client_id in sent]
        size = sizes[market] + sum(each.size for each in resting if each.market == market)
        targets = [each.target for each in asked if each.market == market]
        targets += [each.target for each in before.works.values() if each.market == market]
        assert size <= abs(venue.held[market].signed_size) - min(targets)


def check_top_ups(
    policy: Policy, view: View, actions: tuple[Action, ...], given: dict[str, list[int]]
) -> None:
    """Of each step in all buckets; and what the source has, beyond the buffer of the pool."""
    for step in policy.steps:
        if amounts := given.get(step.name, []):
            assert len(amounts) <= step.max_count
            assert sum(amounts) <= step.max_total
            assert max(amounts) <= step.amount
            assert min(amounts) > 0
    free = view.bucket[CROSS].free
    assert free is not None
    there = {POOL: free - policy.account.margin_buffer, WALLET: view.wallets[WALLET]}
    for source, most in there.items():
        taken = [e.amount for e in actions if isinstance(e, AddMargin) and e.source == source]
        assert sum(taken) <= max(0, most)


def check_doubt(policy: Policy, view: View, actions: tuple[Action, ...]) -> None:
    """Nothing is sent where figures disagree."""
    doubted = assess(policy, view).disagreeing
    for each in actions:
        if isinstance(each, AddMargin):
            assert each.bucket not in doubted
        elif isinstance(each, PlaceOrder | CancelOrder):
            held = view.position.get(each.market)
            assert held is None or held.bucket not in doubted


def check_journal(policy: Policy, after: Memory, actions: tuple[Action, ...]) -> None:
    """Memory and actions survive a journal, and a policy too."""
    assert msgspec.json.decode(msgspec.json.encode(after), type=Memory) == after
    assert msgspec.json.decode(msgspec.json.encode(actions), type=tuple[Action, ...]) == actions
    assert msgspec.json.decode(policy.to_json(), type=Policy) == policy


KINDS = {
    "PlaceOrder", "CancelOrder", "QueryOrder", "AddMargin", "Alert",
    "order immediate", "order post_only", "order trigger", "order trigger, take-profit",
    "top up from the pool", "top up from the wallet",
    "step alert", "step cancel_entries", "step close", "step top_up", "step reduce",
    "step flatten", "step limit",
    "reduction by close", "reduction by reduce", "reduction by flatten", "reduction by exit",
    "reduction by drawdown", "reduction by leverage", "reduction by funding", "reduction by pair",
    "execution market", "execution chase", "execution twap", "execution pov", "execution iceberg",
    "latched by drawdown from peak", "latched by drawdown from day start",
}  # fmt: skip
"""What the random policies and paths must come to, each of it many times."""


def test_whatever_happens_an_account_only_becomes_smaller() -> None:
    """Rounds of random policies, until each kind was reached.

    What a seed gives depends on the modules that the process has imported: hypothesis takes numbers
    from their source.
    """
    reached: Counter[str] = Counter()
    paths = st.one_of(moves(0.93, 1.06), moves(0.997, 1.003))
    for number, style in enumerate(MOST_ROUNDS * (MARKET, CHASE, TWAP, POV, ICEBERG)):
        if number % 5 == 0 and number and not _missing(reached):
            break

        @seed(number)
        @settings(
            max_examples=100, deadline=None, database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )  # fmt: skip
        @given(policy=policies(style), path=paths)
        def played(policy: Policy, path: Moves) -> None:
            play(policy, path, reached)

        played()
    assert _missing(reached) == {}, reached


def _missing(reached: Counter[str]) -> dict[str, int]:
    """The kinds that were reached too seldom, and how often they were."""
    return {each: reached[each] for each in KINDS if reached[each] < LEAST}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    amount=st.integers(50, 500),
    count=st.integers(1, 4),
    total=st.integers(500, 1200),
    path=st.lists(st.floats(0.98, 1.025), min_size=20, max_size=60),
)
def test_top_ups_stay_within_their_limits(
    amount: int, count: int, total: int, path: list[float]
) -> None:
    add = Step(
        name="add", action=TOP_UP, on="isolated", trigger=PPM // 6, rearm=PPM // 7, cooldown_ms=0,
        amount=usd(amount), max_count=count, max_total=usd(total), min_move=PPM // 1000,
    )  # fmt: skip
    made = Policy(name="x", account=AccountLimits(risk_capital=usd(20_000)), steps=(add,))
    play(made, [(1.0, each, "") for each in path], Counter())


def test_a_sum_of_reductions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: a guard that closes everything when asked for a part does not pass."""
    step = Step(name="a", action=CLOSE, trigger=PPM // 10, rearm=PPM // 20, share=PPM // 2)
    made = Policy(name="x", account=AccountLimits(risk_capital=usd(20_000)), steps=(step,))
    path: Moves = [(0.97, 1.0, "")] * 10
    play(made, path, Counter())

    def closes_all(draft: Draft) -> None:
        original(draft)
        for name, work in draft.works.items():
            draft.works[name] = structs.replace(work, target=0)

    original = works.take_reductions
    monkeypatch.setattr("seawall.guard.decide.take_reductions", closes_all)
    with pytest.raises(AssertionError):
        play(made, path, Counter())
