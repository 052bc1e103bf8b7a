"""Published test portfolios of the PM2 rule as Seawall's portfolios and presets.

A case is a JSON object with ``Scenario`` (cash, collaterals, perpetuals, options, their feeds),
``Parameters`` (of the rule; they differ between cases) and ``Result`` (``IM`` and ``MM``, which are
equity less the requirement, and every scenario's loss), as the rule's own tests have them. A file
holds one case, a list of them, or an object of them by name; a folder holds such files.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seawall.lab.options.portfolio import Collateral, Future, Options, Portfolio
from seawall.lab.options.preset import (
    Basis,
    Contingency,
    Discount,
    Factors,
    Grid,
    MarketShock,
    ScenarioPreset,
    Skew,
    Volatility,
)

YEAR_SECONDS = 365 * 86_400
DIRECTIONS = {"Up": "up", "Down": "down", "None": "same"}
Json = dict[str, Any]


class Case(NamedTuple):
    """A portfolio, its rule, and what the rule's authors found."""

    name: str
    portfolio: Portfolio
    preset: ScenarioPreset
    market: MarketShock
    result: Json


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, or of every file of a folder."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    return [case_of(name, each) for file in files for name, each in _cases(file.stem, _read(file))]


def case_of(name: str, case: Json) -> Case:
    """One case."""
    shocks = case["Parameters"]["VolShock"]
    market = MarketShock(
        # Moves are stated as they are: multiples of 1.
        price_range=1.0,
        volatility_up=shocks["VOLRANGEUP"],
        volatility_down=shocks["VOLRANGEDOWN"],
    )
    preset = preset_of(name, case["Parameters"])
    return Case(name, portfolio_of(case["Scenario"]), preset, market, case["Result"])


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _cases(name: str, found: Any) -> list[tuple[str, Json]]:
    if isinstance(found, list):
        return [(f"{name} {number}", each) for number, each in enumerate(found, start=1)]
    if "Scenario" in found:
        return [(name, found)]
    return [case for key, each in found.items() for case in _cases(key, each)]


def portfolio_of(said: Json) -> Portfolio:
    """The portfolio of a case's ``Scenario``."""
    feeds = {each["FeedExpiry"]: each for each in said.get("OptionFeeds", ())}
    rows = said.get("Options", [])
    own = [feeds[each["Expiry"]] for each in rows]
    sure = ("ForwardConfidence", "RateConfidence", "OptionVolConfidences")

    def column(values: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array(values, np.float64)

    options = Options(
        is_call=np.array([bool(each["IsCall"]) for each in rows], np.bool_),
        strike=column([each["Strike"] for each in rows]),
        years=column([each["Expiry"] / YEAR_SECONDS for each in rows]),
        volatility=column([each["MarkVol"] for each in rows]),
        forward=column([each["Forward"] for each in own]),
        size=column([each["Amount"] for each in rows]),
        rate=column([each["Rate"] for each in own]),
        confidence=column([min(each[name] for name in sure) for each in own]),
    )
    size = said.get("NumPerps", 0)
    return Portfolio(
        spot=said["SpotPrice"],
        options=options,
        futures=(Future(size=size, price=said["PerpPrice"]),) if size else (),
        collaterals=tuple(
            Collateral(
                amount=each["Amount"],
                price=each["Price"],
                initial_haircut=each["IMHaircut"],
                maintenance_haircut=each["MMHaircut"],
                confidence=each["Confidence"],
                cancels_risk=each["IsRiskCancelling"],
            )
            for each in said.get("Collaterals", ())
        ),
        cash=said["Cash"] + said["UnrealisedPerpPNL"] + said["UnrealisedFunding"],
        stable_price=said["StablePrice"],
        confidence=said["SpotConfidence"],
        perpetual_confidence=said.get("PerpConfidence", 1.0),
    )


def preset_of(name: str, said: Json) -> ScenarioPreset:
    """The rule of a case's ``Parameters``."""
    steps, skew, volatility = said["Scenarios"], said["SkewShock"], said["VolShock"]
    margin, basis, other = said["Margin"], said["BasisContingency"], said["OtherContingency"]
    moving = [each for each in steps if each["VolShockDirection"] in DIRECTIONS]
    weights = {each["VolShockDirection"]: each["DampeningFactor"] for each in steps}
    return ScenarioPreset(
        name=name,
        title=name,
        about="",
        missing=(),
        as_of="",
        market={},
        grid=Grid(
            standard=tuple(
                (each["SpotShock"] - 1, DIRECTIONS[each["VolShockDirection"]])  # type: ignore[misc]
                for each in moving
                if each["DampeningFactor"] == 1
            ),
            tails=tuple(
                (each["SpotShock"] - 1, each["DampeningFactor"])
                for each in moving
                if each["DampeningFactor"] != 1
            ),
        ),
        volatility=Volatility(
            short_power=volatility["SHORTTERMPOWER"],
            long_power=volatility["LONGTERMPOWER"],
            least_days=volatility["DTE_FLOOR"],
            least=volatility["MIN_VOL_EVAL_SHOCKED"],
        ),
        factors=Factors(initial=margin["IM_LOSS_FACTOR"], maintenance=margin["MM_LOSS_FACTOR"]),
        contingency=Contingency(
            perpetual_initial=other["IM_PERP_PERCENT"],
            perpetual_maintenance=other["MM_PERP_PERCENT"],
            short_option_initial=other["IM_OPTION_PERCENT"],
            short_option_maintenance=other["MM_OPTION_PERCENT"],
            confidence_threshold=other["CONF_THRESHOLD"],
            confidence_scale=other["CONF_MARGIN"],
            peg_threshold=other["PEG_LOSS_THRESHOLD"],
            peg_factor=other["PEG_LOSS_FACTOR"],
        ),
        skew=Skew(
            linear_cap=skew["LINEAR_SCALE_CAP"],
            linear_slope=skew["LINEAR_CBASE"],
            absolute_cap=skew["ABS_SCALE_CAP"],
            absolute_slope=skew["ABS_CBASE"],
            least_width=skew["MIN_K_STAR"],
            width=skew["MIN_WIDTH_SCALE"],
            width_volatility=skew["VOL_PARAM_STATIC"],
            width_slope=skew["VOL_PARAM_SCALE"],
            linear_weight=weights["LINEAR"],
            absolute_weight=weights["ABS"],
        ),
        discount=Discount(
            long_base=margin["BASE_STATIC_DISCOUNT"],
            long_rate=margin["LONG_RATE_MULTSCALE"],
            long_spread=margin["LONG_RATE_ADDSCALE"],
            short_base=margin["BASE_STATIC_DISCOUNT_NEG"],
            short_rate=margin["SHORT_RATE_MULTSCALE"],
            short_spread=margin["SHORT_RATE_ADDSCALE"],
        ),
        basis=Basis(
            up=basis["SCENARIO_SPOT_UP"] - 1,
            down=basis["SCENARIO_SPOT_DOWN"] - 1,
            addition=basis["BASIS_CONT_ADD_FACTOR"],
            per_year=basis["BASIS_CONT_MULT_FACTOR"],
        ),
    )
