"""Scenario files that cannot be used say which field, which value and what would be right."""

import pytest

from seawall.lab.market.candle_file import PathError
from seawall.lab.market.scenario import Scenario, scenario_path
from seawall.lab.market.scenario_file import parse_scenario

GOOD = {
    "name": 'name = "x"', "start": 'start = "2026-01-01"', "step_seconds": "step_seconds = 3.0",
    "depth": "depth_percent = [[0, 100], [5, 2]]", "premium": "premium_bp = [[0, 0], [5, 50]]",
    "lag": "oracle_lag_seconds = [[0, 0], [5, 300]]",
    "group": '[group]\nmajors = ["BTC", "ETH"]',
    "majors": '[[market]]\nname = "majors"', "shape": "waypoints = [[0, 100.0], [5, 90.0]]",
    "longs": '[[market]]\nname = "longs"\nwaypoints = [[0, 100.0], [5, 80.0]]',
    "own": "premium_bp = [[0, -50]]",
    "other": '[other]\nlike = "longs"',
}  # fmt: skip

WRONG = [
    ("depth", "depth_percent = []", "depth_percent: need one or more [minute, value], rising from"),
    ("depth", "depth_percent = [[1, 50]]", "depth_percent: need one or more"),
    ("depth", "depth_percent = [[0, 0]]", "depth_percent: 0 at minute 0 should be 0.1 to 100"),
    ("depth", "depth_percent = [[0, 9], [5, 101]]", "depth_percent: 101 at minute 5 should be 0.1"),
    ("depth", "depth_percent = [[0, nan]]", "depth_percent: nan at minute 0"),
    ("depth", "depth_percent = [[0, 9], [0, 8]]", "depth_percent: need one or more"),
    ("depth", "depth_percent = [[0, 9], [nan, 8]]", "depth_percent: "),
    ("depth", "depth_percent = [[0, 9], [1e300, 8]]", "1e+300 minutes are more than 200,000 steps"),
    ("depth", 'depth_percent = "2"', "Expected `array"),
    ("depth", "depth = [[0, 9]]", "unknown field `depth`"),
    ("premium", "premium_bp = [[0, 5001]]", "premium_bp: 5001 at minute 0 should be -5000 to 5000"),
    ("premium", "premium_bp = [[0, -inf]]", "premium_bp: -inf at minute 0"),
    ("lag", "oracle_lag_seconds = [[0, -1]]", "oracle_lag_seconds: -1 at minute 0 should be 0 to"),
    (
        "lag",
        "oracle_lag_seconds = [[0, 0], [5, 301]]",
        "oracle_lag_seconds: 301 at minute 5 should be at most 300",
    ),
    ("group", '[group]\nmajors = ["BTC"]\nalts = ["SOL"]', "group: alts: no [[market]] has this"),
    ("group", '[group]\nmajors = ["BTC"]\nlongs = ["SOL"]', "group: longs: is what the account"),
    ("group", "[group]\nmajors = []", "group: majors: has no markets"),
    ("group", "[group]\nmajors = 7", "Expected `array"),
    (
        "longs",
        '[[market]]\nname = "majors"\nwaypoints = [[0, 100.0], [5, 80.0]]',
        "market majors: name: two [[market]] have it",
    ),
    (
        "majors",
        '[[market]]\nname = "majors"\nprice = 5.0',
        "market majors: price: 5 cannot be that of a whole group",
    ),
    ("own", "price = 5.0", "market longs: price: 5 cannot be that of a whole group"),
    ("own", "oracle_lag_seconds = [[0, 1e9]]", "market longs: oracle_lag_seconds: 1e+09 at minute"),
    ("own", "wobble_bp = -1.0", "market longs: wobble_bp: -1 should be 0 to 1000"),
    ("other", '[other]\nlike = "SOL"', "other: like: 'SOL' is not one of the markets"),
    ("other", '[prices]\nBTC = 1.0\n[other]\nlike = "longs"', "unknown field `prices`"),
]


def test_the_good_file_is_good() -> None:
    scenario = parse_scenario("\n".join(GOOD.values()), "s.toml")
    path = scenario_path(scenario, ["BTC", "SOL"], {"BTC": 100.0, "SOL": 10.0}, {"SOL": -1})
    assert [each.source for each in path.origins.values()] == [
        "the shape of majors",
        "the shape of longs",
    ]
    assert path.depth["BTC"][-1] == pytest.approx(0.02)
    assert path.middle["BTC"][-1] == pytest.approx(90.0 * 1.005)
    assert path.middle["SOL"][-1] == pytest.approx(8.0 * 0.995)


@pytest.mark.parametrize(("key", "line", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_a_wrong_file_names_what_is_wrong(key: str, line: str, message: str) -> None:
    text = "\n".join({**GOOD, key: line}.values())
    with pytest.raises(PathError, match=r"^s\.toml") as caught:
        parse_scenario(text, "s.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


RECORDED = {
    "head": 'name = "x"\nstart = "2026-01-01"\nstep_seconds = 3.0',
    "minutes": "minutes = [0, 2, 5]",
    "prices": "[start_prices]\nSOL = 150.0",
    "beside": '[[beside]]\nvenue = "B"\n[beside.deleveraged_at]\nSOL = 75.0',
    "first": '[[recorded]]\nvenue = "A"\nprices = "marks"\ncandles = "1 h"',
    "levels": "[recorded.levels]\nSOL = [100, 80, 70]\nAVAX = [100, 60, 50]\nBTC = [100, 90, 85]",
    "second": '[[recorded]]\nvenue = "B"\nprices = "trades"\ncandles = "5 min"',
    "others": "[recorded.levels]\nADA = [100, 40, 95]",
    "own": '[[market]]\nname = "JELLY"\nwaypoints = [[0, 100.0], [5, 500.0]]',
}
WRONGLY_RECORDED = [
    ("minutes", "", "minutes: need two or more, rising from 0"),
    ("minutes", "minutes = [0, 5, 5]", "minutes: need two or more, rising from 0"),
    ("minutes", "minutes = [0, 2, 1e9]", "1e+09 minutes are more than 200,000 steps"),
    ("prices", "[start_prices]\nSOL = 0.0", "start_prices: SOL: 0 should be above 0"),
    ("first", '[[recorded]]\nvenue = "A"\nprices = "mids"\ncandles = "1 h"', "prices: 'mids' sho"),
    ("levels", "[recorded.levels]\nSOL = [100, 80]", "levels: SOL: 2 levels should be 3, as min"),
    ("levels", "[recorded.levels]\nSOL = [99, 80, 70]", "levels: SOL: levels should begin at 100"),
    ("levels", "[recorded.levels]\nSOL = [100, 80, 0]", "levels: SOL: levels should begin at 100"),
    (
        "others",
        "[recorded.levels]\nSOL = [100, 40, 90]",
        "recorded 2: levels: SOL: has prices alre",
    ),
    ("own", '[[market]]\nname = "SOL"\nwaypoints = [[0, 100.0], [5, 90.0]]', "has prices already"),
    ("minutes", "minutes = [0, 2, 5]\nwobble = 5", "unknown field `wobble`"),
]


def recorded(**changed: str) -> Scenario:
    return parse_scenario("\n".join({**RECORDED, **changed}.values()), "r.toml")


def test_a_market_takes_its_record_or_the_median_of_its_group() -> None:
    scenario = recorded()
    markets = ["SOL", "WIF", "PAXG", "JELLY"]
    path = scenario_path(scenario, markets, dict.fromkeys(markets[1:], 10.0))
    assert {name: float(path.oracle[name][-1]) for name in markets} == pytest.approx(
        # Seventy of 150 USD; the median of 50, 70 and 95; nothing like gold; its own shape.
        {"SOL": 105.0, "WIF": 7.0, "PAXG": 10.0, "JELLY": 50.0}
    )
    origins = path.origins
    assert origins["SOL"].kind == "recorded"
    assert origins["SOL"].source == "marks of A, candles of 1 h"
    assert origins["SOL"].beside == "B deleveraged at -25.0 % or lower"
    assert origins["WIF"].kind == "median of its group"
    assert origins["WIF"].source == ("median of altcoins (ADA, AVAX, SOL), marks of A, trades of B")
    assert origins["PAXG"].source == "stands still: nothing like steady markets was recorded"
    assert origins["JELLY"].source == "levels of its own"


def test_a_group_of_enough_records_has_a_median_of_its_own() -> None:
    memes = "\n".join(f"{name} = [100, 95, 90]" for name in ("DOGE", "kPEPE", "kSHIB"))
    scenario = recorded(others=f"[recorded.levels]\n{memes}")
    shape = scenario.shape_of("WIF")
    assert shape is not None
    assert shape.waypoints[-1] == (5, 90)
    assert shape.origin.source.startswith("median of memes (DOGE, kPEPE, kSHIB), trades of B")


@pytest.mark.parametrize(
    ("key", "line", "message"), WRONGLY_RECORDED, ids=[m for _, _, m in WRONGLY_RECORDED]
)
def test_a_wrong_record_names_what_is_wrong(key: str, line: str, message: str) -> None:
    with pytest.raises(PathError, match=r"^r\.toml") as caught:
        recorded(**{key: line})
    assert message in str(caught.value)


def test_groups_may_not_share_a_market() -> None:
    lines = {
        **GOOD,
        "group": '[group]\nmajors = ["BTC"]\nalts = ["SOL", "BTC"]',
        "other": '[[market]]\nname = "alts"\nwaypoints = [[0, 100.0], [5, 80.0]]',
    }
    with pytest.raises(PathError, match="group: majors: BTC is in alts as well"):
        parse_scenario("\n".join(lines.values()), "s.toml")


def test_a_path_of_too_many_steps_is_refused_before_it_is_made() -> None:
    lines = {**GOOD, "step_seconds": "step_seconds = 3600.0"}
    lines["shape"] = "waypoints = [[0, 100.0], [6000000, 100.0]]\nwobble_bp = 1000.0"
    del lines["longs"], lines["own"], lines["other"]
    scenario = parse_scenario("\n".join(lines.values()), "s.toml")
    with pytest.raises(PathError, match=r"steps of at most 0\.25 % are more than 200,000"):
        scenario_path(scenario, ["BTC"], {"BTC": 100.0})


@pytest.mark.parametrize(
    ("shapes", "is_known"),
    [
        ('[[market]]\nname = "SOL"', True),
        ('[group]\nalts = ["SOL"]\n[[market]]\nname = "alts"', True),
        ('[[market]]\nname = "longs"', True),
        ('[[market]]\nname = "BTC"', False),
    ],
)
def test_a_crowd_is_in_a_market_that_has_prices(shapes: str, is_known: bool) -> None:
    text = (
        f'name = "x"\nstart = "2026-01-01"\nstep_seconds = 3.0\n{shapes}\n'
        "waypoints = [[0, 100.0], [5, 90.0]]\n"
        '[[crowd]]\nmarket = "SOL"\nside = "long"\naccounts = 3\nnotional = 100\n'
        "leverage = [2, 5]\n"
    )
    if is_known:
        assert parse_scenario(text, "x.toml").crowd[0].market == "SOL"
        return
    with pytest.raises(PathError, match=r"crowd 1 \(SOL\): market: 'SOL' should have prices here"):
        parse_scenario(text, "x.toml")
