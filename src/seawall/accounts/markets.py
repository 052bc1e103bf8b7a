"""Markets under a rulebook: which venue ships them, and how they look under other rules."""

from collections.abc import Iterable, Mapping

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MONEY_DECIMALS
from seawall.venues.registry import DEFAULT_VENUE, VENUES


def shipped_markets() -> dict[str, Instrument]:
    """The markets that ship, by name, as the default venue lists them."""
    listed = VENUES[DEFAULT_VENUE].built_in_markets()
    return {instrument.name: instrument for instrument in listed if not instrument.delisted}


def markets_under(
    rulebook: AnyRulebook, listed: Iterable[Instrument], known: Mapping[str, Instrument]
) -> list[Instrument]:
    """The same markets, in the same units, with the terms of the rulebook's venue.

    ``known``: markets with terms for rules without blocks, for what comes from rules with them; one
    that is not known keeps its leverage as a single tier. Raises InputError.
    """
    if isinstance(rulebook, BlockRulebook):
        translations = (venue.to_own_rules for venue in VENUES.values())
        translate = next(each for each in translations if each is not None)
        return [translate(instrument) for instrument in listed]
    return [_without_blocks(instrument, known) for instrument in listed]


def _without_blocks(instrument: Instrument, known: Mapping[str, Instrument]) -> Instrument:
    terms = instrument.block_terms
    if terms is None:
        return instrument
    plain = 0 <= instrument.size_decimals <= MONEY_DECIMALS
    if not plain or (terms.price_step, terms.quote_exponent, terms.value_exponent) != (1, 0, 0):
        raise InputError(
            f"{instrument.name}: counts prices and sizes in units that only its own venue has"
        )
    other = known.get(instrument.name)
    return other if other and other.size_decimals == instrument.size_decimals else instrument
