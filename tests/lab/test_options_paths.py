"""`seawall paths` of an account in portfolio margin, and the page that walks through an example."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import seawall as sw
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.lab.options import options
from seawall.lab.options.held import moved
from seawall.lab.options.legs import closing_cost, equity_of
from seawall.lab.options.paths import PooledPaths, pooled_paths
from seawall.lab.paths import ModelOptions, PathsResult, paths
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.report import kinds
from tests.command_line import seawall
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

FILE = ROOT / "examples" / "account_short_call.toml"
COINS = ROOT / "examples" / "account_coins.toml"
PRESETS = ("derive-pm2", "deribit-spm", "paradex-scan")
QUICK = ("--paths", "512", "--days", "7", "--step", "3600", "--workers", "1")


@pytest.fixture(scope="module")
def walked() -> PooledPaths:
    return paths(load_account(FILE), presets=PRESETS, paths=512, step_seconds=3600, workers=1)


def test_the_start_is_what_options_says(walked: PooledPaths) -> None:
    looked_at = options(load_account(FILE), presets=PRESETS)
    for own, other in zip(walked.pool.rules, looked_at.now, strict=True):
        assert own.name == other.rule.name
    now = looked_at.now[looked_at.strictest].total
    assert walked.fan.ratio[:, 0] == pytest.approx(now.ratio, rel=1e-9)
    assert walked.fan.equity[:, 0] == pytest.approx(now.equity)
    assert [(each.rule.name, each.held) for each in walked.cases] == [
        (name, held) for name in PRESETS for held in ("pooled", "apart")
    ]


def test_the_money_is_divided_as_the_margins_ask(walked: PooledPaths) -> None:
    pooling = {each.rule.name: each for each in options(load_account(FILE)).pooled}
    for case in walked.cases:
        if case.held == "apart":
            alone = pooling[case.rule.name]
            perpetuals, calls = case.account.parts
            assert case.account.buckets == ("perpetuals", "options")
            assert perpetuals.equity_now + calls.equity_now == pytest.approx(25_000)
            assert perpetuals.equity_now / calls.equity_now == pytest.approx(
                alone.perpetuals.initial / alone.options.initial
            )
            assert not len(perpetuals.options.size)
            assert not calls.futures.any()


def test_apart_is_the_sum_of_both_parts(walked: PooledPaths) -> None:
    """The course of the account is that of both together, and neither pays for the other."""
    case = walked.cases[1]
    whole = simulate_chunk(walked.setup.task_of(case.account), 0)
    alone = []
    for part in case.account.parts:
        task = walked.setup.task_of(_alone(part))
        alone.append(simulate_chunk(task, 0))
    for number, each in enumerate(alone):
        assert np.array_equal(whole.equity[:, number], each.equity[:, 0])
        assert np.array_equal(whole.first[:, number], each.first[:, 0])
        assert np.array_equal(whole.final_price, each.final_price)
    assert whole.cost == pytest.approx(alone[0].cost + alone[1].cost)
    least = whole.equity.sum(axis=1)
    assert (whole.lowest <= np.minimum(least, 25_000) + 1e-6).all()
    assert (whole.lowest >= alone[0].lowest + alone[1].lowest - 1e-6).all()


def _alone(part: object) -> object:
    from msgspec import structs

    return structs.replace(part, apart=None)


def test_without_moves_nothing_is_lost_but_time_passes() -> None:
    """Prices stand still: the equity at the end is that of the scenario engine a week later."""
    still = ModelOptions(volatility=1e-9, jumps=False, volatility_moves=False, funding=0)
    account = load_account(FILE)
    found = paths(
        account, presets="derive-pm2", paths=2, step_seconds=3600, model=still, workers=1,
        volatility_change="20%",
    )  # fmt: skip
    there = moved(found.pool.held.portfolios["BTC"], 0.0, 0.2, 7 / 365)
    expected = equity_of({"BTC": there}, found.pool.held.cash)
    assert 25_000 - found.losses == pytest.approx(expected, abs=1)


def test_an_account_that_is_short_is_closed_in_the_first_step() -> None:
    text = FILE.read_text().replace("25000", "16000")
    account = load_account(text.encode())
    model = ModelOptions(volatility=1e-9, jumps=False, volatility_moves=False, funding=0)
    found = paths(
        account, presets="derive-pm2", paths=4, hours=2, step_seconds=60, model=model, workers=1,
        liquidation_cost="2%",
    )  # fmt: skip
    assert found.liquidated.value == 1
    assert (found.strictest.first == 1).all()
    cost = closing_cost(found.pool.held.portfolios, 0.02)
    assert found.losses == pytest.approx(cost, abs=1)
    assert found.statistics.liquidation_costs.value == pytest.approx(cost, abs=1)


def test_a_hedge_that_follows_prices_is_liquidated_more_often_with_volatilities_that_rise() -> None:
    account = load_account(FILE)
    given = {"paths": 2048, "days": 21, "step_seconds": 3600, "workers": 1}
    stands, follows = (
        paths(account, presets="derive-pm2", volatility_beta=beta, **given) for beta in (0, -2)
    )
    assert follows.liquidated.value > stands.liquidated.value


def test_coins_are_followed_under_the_rule_that_takes_them() -> None:
    account = load_account(COINS, prices={"HYPE": 50})
    found = paths(account, presets=(), paths=512, days=30, step_seconds=3600, workers=1)
    assert [(each.rule.name, each.held) for each in found.cases] == [("hyperliquid", "pooled")]
    own = options(account, presets="hyperliquid").now[0]
    total = found.pool.rules[0].total(found.pool.held.portfolios, found.pool.held.cash)
    # The room between equity and what it has to be is the rule's own.
    room = (1.0 - found.fan.ratio[:, 0]) * found.pool.held.equity
    assert room == pytest.approx(total.equity - total.maintenance, abs=1e-4)
    # Exactly the paths that the rule itself still holds for are open at the end; and far below
    # the liquidation price of `options` none is.
    limit = own.liquidation["HYPE"].below
    assert limit is not None
    ended = simulate_chunk(found.setup.task_of(found.cases[0].account), 0)
    books, cash = found.pool.held.portfolios, found.pool.held.cash
    is_open = ended.first[:, 0] == 0
    assert 50 < is_open.sum() < 500
    for path in np.flatnonzero(is_open).tolist():
        there = {
            name: moved(each, price / each.spot - 1.0)
            for (name, each), price in zip(
                books.items(), ended.final_price[path].tolist(), strict=True
            )
        }
        end = found.pool.rules[0].total(there, cash - ended.funding[path])
        assert end.equity >= end.maintenance - 1e-6
        assert equity_of(there, cash - ended.funding[path]) == pytest.approx(ended.equity[path, 0])
    place = list(books).index("HYPE")
    assert not is_open[ended.final_price[:, place] < 0.8 * limit].any()


def test_one_process_and_two_give_the_same() -> None:
    account = load_account(FILE)
    one, two = (
        paths(account, presets="derive-pm2", paths=9000, hours=6, step_seconds=600, workers=n)
        for n in (1, 2)
    )
    for own, other in zip(one.cases, two.cases, strict=True):
        assert np.array_equal(own.losses, other.losses)
        assert np.array_equal(own.first, other.first)


def test_an_account_without_options_has_its_own_paths() -> None:
    mine = load_account(FILE.read_text().split("[[option]]")[0].encode())
    quick = {"paths": 64, "hours": 6, "step_seconds": 600, "workers": 1}
    assert isinstance(paths(mine, leverages=[], **quick), PathsResult)
    # In portfolio margin only where a preset is named, and then there is one leg.
    found = paths(mine, presets="derive-pm2", **quick)
    assert isinstance(found, PooledPaths)
    assert [each.held for each in found.cases] == ["pooled"]


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        ("volatility_beta", 21, "volatility_beta: 21 should be -20 to 20"),
        ("volatility_change", "-100%", "volatility_change"),
        ("liquidation_cost", "60%", "liquidation_cost"),
        ("paths", 0, "paths: 0"),
        ("step_seconds", 0.1, "steps: 6048000"),
        ("presets", "unknown", "unknown"),
    ],
)
def test_bad_input_is_named(field: str, given: object, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        pooled_paths(load_account(FILE), **{field: given})  # type: ignore[arg-type]


def test_the_command(tmp_path: Path) -> None:
    report, tables = tmp_path / "paths.html", tmp_path / "tables"
    found = seawall(
        "paths", str(FILE), "--preset", "derive-pm2", "--volatility-beta", "-1", *QUICK,
        "--report", str(report), "--parquet", str(tables), folder=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    said = " ".join(found.stdout.split())
    for words in (
        "512 paths over 7 days: covered call on a perpetual in portfolio margin",
        "Derive PM2 liquidates the account on",
        "of the paths in one pool, and a leg on",
        "In one pool and each leg apart, on the same paths",
        "volatility x (price / price now) ^ -1",
        "liquidation of the options",
    ):
        assert words in said
    assert "Time to liquidation" in report.read_text()
    assert (tables / "paths.parquet").exists()


def test_the_numbers_are_those_that_programs_get(tmp_path: Path) -> None:
    found = seawall("paths", str(FILE), *QUICK, "--json", folder=tmp_path)
    plain = seawall("paths", *QUICK, "--leverage", "none", "--json", folder=tmp_path)
    own, other = json.loads(found.stdout), json.loads(plain.stdout)
    for name in ("probabilities", "losses", "costs", "time_to_liquidation"):
        # The same columns, and before them which case they are of.
        assert list(own[name][0]) == ["preset", "held", *other[name][0]]
        if name in ("losses", "costs"):
            measures = {each["measure"] for each in other[name]}
            assert {each["measure"] for each in own[name]} <= measures
    assert set(other["simulation"]) - set(own["simulation"]) == {
        "leverage", "median_hours", "missed_liquidations"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--leverage", "5"), "--leverage: '5' should be left out in portfolio margin"),
        (("--ruin", "1%"), "ruin"),
        (("--depth", "5000000"), "depth"),
        (("--impact", "0.01"), "impact"),
        (("--volatility-beta", "x"), "--volatility-beta: 'x' should be -20 to 20"),
        (("--preset", "none-such"), "none-such"),
    ],
)
def test_the_command_says_what_has_no_meaning(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    found = seawall("paths", str(FILE), *arguments, folder=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert message in found.stderr


def test_without_options_volatilities_have_no_meaning(tmp_path: Path) -> None:
    found = seawall("paths", "--volatility-beta", "-1", folder=tmp_path)
    assert found.returncode == 2
    assert "left out without options and --preset" in found.stderr


def test_the_figures_of_the_page() -> None:
    """What docs/commands/options.md says of stress and paths, to the digit."""
    page = " ".join((ROOT / "docs" / "commands" / "options.md").read_text().split())
    account = sw.load_account(FILE)
    stress = sw.stress(account, presets=(), shocks="-20")
    for each in stress.shocks:
        at = "none" if each.liquidated_at is None else kinds.percent(each.liquidated_at * each.size)
        row = f"| `{each.rule.name}` | {at} | {kinds.usd(each.left)} | {kinds.usd(each.deposit)} |"
        assert row in page
    for money in ("25000", "40000"):
        own = sw.load_account(FILE.read_text().replace("25000", money).encode())
        found = sw.paths(own, presets=())
        cases = {(each.rule.name, each.held): each for each in found.cases}
        for rule in found.pool.rules:
            pooled, apart = (cases[rule.name, held].statistics for held in ("pooled", "apart"))
            row = [f"`{rule.name}`", kinds.usd(float(money))]
            row += [kinds.probability(e.liquidated.value) for e in (pooled, apart)]
            row += [kinds.usd(e.loss.shortfalls[0.95].value) for e in (pooled, apart)]
            assert f"| {' | '.join(row)} |" in page
