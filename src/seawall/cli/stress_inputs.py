"""What ``seawall stress`` is asked, read and checked: shocks, betas, moves to survive, depth."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.accounts.account import Account
from seawall.cli.depth_input import read_depths
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.lab.market.liquidity import Depth
from seawall.lab.stress.betas import HIGHEST_BETA, LEAD

if TYPE_CHECKING:
    from seawall.lab.market.scenario import Scenario
    from seawall.lab.simulation.valuation import Valuation
    from seawall.lab.stress.grid import Move

HIGHEST_RISE = 1000
"""Percent."""
MOST_SHOCKS = 40
BETA = "beta"
ALL = "all"
_NUMBER = re.compile(r"([+-]?)(\d{1,6}(?:\.\d{0,6})?)\s*%?")


def shock_sizes(texts: Sequence[str], usual: Sequence[int]) -> tuple[Fraction, ...]:
    """Signed fractions, each once; a number without sign stands for both. Raises InputError."""
    found: list[Fraction] = []
    for text in texts or [",".join(map(str, usual))]:
        for part in text.split(","):
            sign, size = _move(part, f"--shock: {part.strip()!r}")
            found += [sign * size] if sign else [-size, size]
    sizes = tuple(dict.fromkeys(found))
    if len(sizes) > MOST_SHOCKS:
        raise InputError(f"--shock: {len(sizes)} sizes; at most {MOST_SHOCKS}")
    for size in sizes:
        _check_fall(size, "--shock")
    return sizes


def _move(text: str, where: str) -> tuple[int, Fraction]:
    """(sign or 0 where none is written, size above 0) of a text in percent."""
    match = _NUMBER.fullmatch(text.strip())
    size = Fraction(match[2]) / 100 if match else Fraction(0)
    if match is None or not 0 < size <= Fraction(HIGHEST_RISE, 100):
        raise InputError(f"{where} should be percent above 0, such as 20, -20 or +7.5")
    return {"": 0, "+": 1, "-": -1}[match[1]], size


def _check_fall(size: Fraction, option: str) -> None:
    if size <= -1:
        raise InputError(f"{option}: {float(100 * size):g} % leaves no price; less than 100 % down")


def given_betas(
    file: Path | None, wishes: Sequence[str], instruments: Sequence[Instrument]
) -> dict[str, Fraction]:
    """Betas by market: of the file, then those of ``--beta``. Raises InputError."""
    found = {} if file is None else _file_betas(file)
    names = [each.name for each in instruments]
    for wish in wishes:
        name, equals, text = wish.rpartition("=")
        if not equals:
            raise InputError(f"--beta: {wish!r} should be MARKET=BETA, such as ETH=1.2")
        if name not in names:
            raise InputError(f"--beta: {name!r} is not one of the markets: {', '.join(names)}")
        found[name] = _beta(text, f"--beta: {wish!r}")
    if found.get(LEAD, 1) != 1:
        raise InputError(f"--beta: {LEAD} leads, its beta is 1")
    return found


def _file_betas(file: Path) -> dict[str, Fraction]:
    where = f"--betas: {file}"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=str)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: not a text file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid TOML: {error}") from None
    return {name: _beta(str(value), f"{where}: {name}: {value!r}") for name, value in data.items()}


def _beta(text: str, where: str) -> Fraction:
    match = re.fullmatch(r"[+-]?\d{1,3}(\.\d{0,6})?", text.strip())
    value = Fraction(text.strip()) if match else Fraction(HIGHEST_BETA + 1)
    if abs(value) > HIGHEST_BETA:
        raise InputError(f"{where} should be a number from -{HIGHEST_BETA} to {HIGHEST_BETA}")
    return value


def survival_moves(
    texts: Sequence[str], valuation: "Valuation", betas: Mapping[str, Fraction]
) -> list[tuple["Move", Fraction]]:
    """Moves with their sizes. Raises InputError."""
    return [_survival_move(text, valuation, betas) for text in texts]


def _survival_move(
    text: str, valuation: "Valuation", betas: Mapping[str, Fraction]
) -> tuple["Move", Fraction]:
    from seawall.lab.stress.grid import against, together, with_betas
    from seawall.lab.stress.result import move_of_market

    name, _, number = text.rpartition("=")
    sign, size = _move(number, f"--survive: {text!r}")
    if sign:
        _check_fall(sign * size, "--survive")
    if not name:
        return (together(valuation), sign * size) if sign else (against(valuation), size)
    alone = move_of_market(valuation, name)
    if alone is not None:
        return alone, (sign or _losing_side(valuation, alone)) * size
    if name != BETA:
        names = ", ".join(each.name for each in valuation.instruments)
        raise InputError(
            f"--survive: {name!r} is not one of the markets: {names}; nor {BETA}, for a move of "
            f"{LEAD} with all others"
        )
    if not sign:
        raise InputError(f"--survive: {text!r} needs a sign: {BETA}=-{number} or {BETA}=+{number}")
    return with_betas(valuation, LEAD, betas), sign * size


def _losing_side(valuation: "Valuation", alone: "Move") -> int:
    held = {each.market: each.signed_size for each in valuation.plan.positions}
    return -1 if held.get(alone.markets[0], 1) > 0 else 1


def stress_depths(account: Account, wishes: Sequence[str]) -> dict[str, Depth]:
    """Calm depth of every market. Raises InputError."""
    return read_depths([account.listed[each.name] for each in account.instruments], wishes)


def chosen_scenarios(names: Sequence[str]) -> list["Scenario"]:
    """Those named, each once; ``all`` for every one that ships. Raises PathError."""
    from seawall.lab.market.named_scenarios import load
    from seawall.lab.market.named_scenarios import names as shipped

    wanted = [each for name in names for each in (shipped() if name == ALL else (name,))]
    return [load(name) for name in dict.fromkeys(wanted)]
