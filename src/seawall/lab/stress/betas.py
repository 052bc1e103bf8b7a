"""How far a market moves when the leading one does: default betas, each with its source.

They are those of ``lab/market/assumptions``. A beta says what is usual, not what a market will do
alone.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.domain.quantities import ALL, Amount, assignments, for_markets, number, several
from seawall.lab.market.assumptions import Assume, assumptions_of
from seawall.lab.market.assumptions_file import LEAD, NO_BETA

HIGHEST_BETA = 20
UNKNOWN = NO_BETA
GIVEN = "--beta"
ITSELF = "itself"
NO_LEVERAGES: Mapping[str, int] = {}
Betas = str | Path | Iterable[str | Path] | Mapping[str, Amount]
"""``ETH=1.2``, a TOML file, several of both, or numbers by market."""


class Beta(NamedTuple):
    """``source``: where it was measured, or what it is instead."""

    value: Fraction
    source: str


def betas_of(
    markets: Iterable[str],
    given: Mapping[str, Fraction],
    assume: Assume = None,
    leverages: Mapping[str, int] = NO_LEVERAGES,
) -> dict[str, Beta]:
    """The beta of each market to ``LEAD``: the given one, else what is assumed.

    ``leverages``: the greatest that their venue grants, 1 where it is not named.
    """
    assumed = assumptions_of(assume).given("beta", given, GIVEN)
    found = {name: assumed.of("beta", name, leverages.get(name, 1)) for name in markets}
    return {name: Beta(each.value, each.source) for name, each in found.items()}


def chosen_betas(betas: Betas, markets: Sequence[str]) -> dict[str, Fraction]:
    """Betas by market: of a mapping or TOML files, then those of texts. Raises InputError.

    A mapping and a file may be of more markets than these.
    """
    found: dict[str, Fraction] = {}
    texts: list[str] = []
    for each in [betas] if isinstance(betas, Mapping) else several(betas):
        if isinstance(each, str):
            texts.append(each)
            continue
        table = _file_betas(each) if isinstance(each, Path) else each
        where = f"betas: {each}" if isinstance(each, Path) else "betas"
        found |= {name: _read(f"{where}: {name}", value) for name, value in table.items()}
    own = assignments("betas", texts, _read)
    if ALL in own:
        expected = "MARKET=BETA, such as ETH=1.2"
        raise InputError.of("", "betas", f"{float(own[ALL]):g}", expected)
    found |= for_markets("betas", own, markets)
    if found.get(LEAD, 1) != 1:
        raise InputError.of("", "betas", f"{LEAD}={float(found[LEAD]):g}", "1: all follow it")
    return found


def _read(field: str, value: Amount) -> Fraction:
    expected = f"a number from -{HIGHEST_BETA} to {HIGHEST_BETA}"
    return number(
        field, value, least=-HIGHEST_BETA, most=HIGHEST_BETA, expected=expected, percent=False
    )


def _file_betas(file: Path) -> dict[str, Amount]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=str)
    except OSError as error:
        raise InputError(f"betas: {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"betas: {file}: not a text file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"betas: {file}: not valid TOML: {error}") from None
    return {name: str(value) for name, value in data.items()}
