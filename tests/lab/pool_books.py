"""Accounts of perpetuals and options in portfolio margin for the path kernel, and their engine."""

from typing import Any

import numpy as np

from seawall.domain.option import YEAR_MS
from seawall.lab.arrays import Floats
from seawall.lab.options.held import moved
from seawall.lab.options.path_account import pool_account
from seawall.lab.options.pool import Rule, Total
from seawall.lab.options.portfolio import Future, Options, Portfolio
from seawall.lab.options.preset import ScenarioPreset, load_preset
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.task import Diffusion, FundingRate, PathTask

Book = dict[str, Portfolio]
PRESETS = ("derive-pm2", "deribit-spm", "paradex-scan")
HOUR = 3_600_000 / YEAR_MS
SPOTS = {"BTC": 100_000.0, "ETH": 4_000.0}
FUNDING = {"BTC": 1e-5, "ETH": -2e-5}


def rule_of(name: str) -> Rule:
    """A shipped preset with rates of funding."""
    preset = load_preset(name)
    assert isinstance(preset, ScenarioPreset)
    return Rule(preset=preset, funding=FUNDING)


def random_book(seed: int, options: int = 6, hours: tuple[float, float] = (20, 2000)) -> Book:
    """Portfolios of two markets, on futures that are not at the price, with several expiries."""
    dice = np.random.default_rng(seed)
    book: Book = {}
    for name, spot in SPOTS.items():
        # Few expiries, so that options share them, two of the same strike among them.
        expiries = HOUR * np.round(dice.uniform(*hours, 3), 1)
        rows = []
        for _ in range(options):
            years = float(dice.choice(expiries))
            strike = spot * float(dice.choice([0.7, 0.9, 1.0, 1.05, 1.3]))
            forward = spot * float(np.exp(dice.choice([-0.05, 0.1]) * years))
            size = float(dice.uniform(-1, 1)) * 100_000 / spot
            volatility = float(dice.uniform(0.3, 1.2))
            rows.append((bool(dice.random() < 0.5), strike, years, volatility, forward, size))
        own = float(dice.uniform(-1, 1)) * 100_000 / spot
        book[name] = Portfolio(
            spot=spot, options=Options.of(rows), futures=(Future(size=own, price=spot),)
        )
    return book


def account_of(rule: Rule, book: Book, equity: float, **options: Any) -> PoolAccount:
    """The account with so much equity."""
    cash = equity - sum(each.equity for each in book.values())
    tiers = np.zeros((3, len(book), 1))
    return pool_account(rule, book, cash, tiers, **{"cost": 0.005, **options})


def task_of(account: PoolAccount, steps: int = 200, paths: int = 256, **given: Any) -> PathTask:
    """Hours of wild prices, with jumps and funding that moves."""
    markets = len(account.price)
    correlation = np.full((markets, markets), 0.7) + 0.3 * np.eye(markets)
    rate = np.full(markets, 1e-5)
    return PathTask(
        account=account,
        model=Diffusion(
            drift=np.zeros(markets), volatility=np.linspace(0.8, 1.0, markets),
            correlation=correlation, volatility_of_volatility=0.4, jump_rate=12.0,
            jump_mean=-0.02, jump_std=0.05,
        ),
        funding=FundingRate(rate=rate, mean=rate, std=rate),
        steps=steps,
        **{"step_seconds": 3600.0, "seed": 1, **given},
        paths=paths,
    )  # fmt: skip


def engine_total(
    rule: Rule, account: PoolAccount, book: Book, prices: Floats, hours: float, change: float
) -> Total:
    """What the scenario engine says after a move and time; ``change`` as the account has it."""
    there = {}
    for (name, each), price in zip(book.items(), prices.tolist(), strict=True):
        ratio = price / each.spot
        volatility = (1.0 + change) * ratio**account.volatility_beta - 1.0
        there[name] = moved(each, ratio - 1.0, volatility, hours * HOUR)
    return rule.total(there, 0.0)
