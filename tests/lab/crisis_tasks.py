"""A small crash, an account and a small population, for the tests of crises."""

from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.enums import MarginMode
from seawall.domain.holdings import Holdings
from seawall.lab.crises.crisis import Crisis, Facts
from seawall.lab.crises.modes import in_mode
from seawall.lab.crises.trial import CrisesTask, Rules
from seawall.lab.market.liquidity import Depth
from seawall.lab.market.named_scenarios import starting_path
from seawall.lab.market.scenario_file import parse_scenario
from seawall.venues.dydx.instruments import plain_instrument
from seawall.venues.hyperliquid.instruments import built_in_instruments
from seawall.venues.rulebook_file import load_rulebook

ACCOUNT = """
name = "three positions"
collateral = 20000
[[position]]
market = "BTC"
side = "long"
notional = 120000
entry = 100000
leverage = 10
[[position]]
market = "ETH"
side = "short"
notional = 40000
entry = 4000
leverage = 10
[[position]]
market = "SOL"
side = "long"
notional = 20000
entry = 200
leverage = 10
"""
CRASH = """
name = "twelve minutes"
about = "a fall of a fifth and half of it back"
source = "made for a test"
start = "2025-10-10T20:55"
step_seconds = 10
seed = 3
[[market]]
name = "BTC"
wobble_bp = 1
waypoints = [[0, 100.0], [2, 99.0], [5, 84.0], [7, 80.0], [9, 88.0], [12, 90.0]]
[other]
like = "BTC"
"""
PRICES = {"BTC": "100000", "ETH": "4000", "SOL": "200"}
FACTS = Facts(
    leverage=9,
    spread=0.6,
    long_share=0.8,
    open_interest={"BTC": 300e6, "ETH": 200e6, "SOL": 100e6},
    source="assumed: all of it",
)


def both_rules() -> tuple[Rules, ...]:
    """Every shipped rulebook with the three markets."""
    plain = [next(each for each in built_in_instruments() if each.name == name) for name in PRICES]
    blocks = [plain_instrument(each) for each in plain]
    return (
        Rules(book=load_rulebook("hyperliquid"), instruments=tuple(plain)),
        Rules(book=load_rulebook("dydx"), instruments=tuple(blocks)),
    )


def loaded() -> Account:
    """Three positions in the pool."""
    return load_account(ACCOUNT.encode(), AccountOptions(price=PRICES))


def account() -> Holdings:
    """What it holds."""
    return loaded().holdings


def mixed_account() -> Holdings:
    """The same with SOL isolated."""
    plan = account()
    positions = list(plan.positions)
    positions[2] = structs.replace(
        positions[2], mode=MarginMode.ISOLATED, isolated_margin=2_000_000_000
    )
    return structs.replace(plan, positions=tuple(positions))


def crash() -> Crisis:
    rules = both_rules()
    scenario = parse_scenario(CRASH, "crash.toml")
    return Crisis(
        name="crash",
        title=scenario.name,
        about=scenario.about,
        source=scenario.source,
        path=starting_path(scenario, account(), rules[0].instruments, PRICES),
        facts=FACTS,
        depths=(Depth(20e6, 1.0), Depth(10e6, 1.5), Depth(4e6, 2.0)),
        interest=(300e6, 200e6, 100e6),
        backstop=3_000_000_000_000,
    )


def task(
    accounts: int = 150,
    modes: tuple[str, ...] = ("cross",),
    shares: tuple[float, ...] = (1.0,),
    rulebooks: int = 2,
) -> CrisesTask:
    rules = both_rules()[:rulebooks]
    return CrisesTask(
        crises=(crash(),),
        rules=rules,
        modes={
            name: tuple(in_mode(name, account(), each.instruments, PRICES) for each in rules)
            for name in modes
        },
        depths={f"{share:g}": share for share in shares},
        accounts=accounts,
        seed=1,
    )
