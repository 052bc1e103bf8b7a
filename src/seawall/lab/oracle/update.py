"""A published price as an oracle's account shows it: whole numbers and an exponent."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from seawall.accounts.prices import nearest_price
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument

DEEPEST_EXPONENT = 18
MOST_AGE_S = 10 * 365 * 86_400
LARGEST = 2**63 - 1
_EXPECTED = "MARKET=PRICE,CONFIDENCE,EXPONENT[,SECONDS], such as BTC=12276250,1500,-5,12"


class Update(Struct, frozen=True, kw_only=True):
    """A price with its confidence, both times 10 to the ``exponent``, and its age in ms."""

    market: str
    price_number: int
    confidence_number: int
    exponent: int
    age_ms: int = 0

    @property
    def price(self) -> Decimal:
        """USD."""
        return Decimal(self.price_number).scaleb(self.exponent)

    @property
    def confidence(self) -> Decimal:
        """USD to either side."""
        return Decimal(self.confidence_number).scaleb(self.exponent)

    @property
    def low(self) -> Decimal:
        """USD: the price less its confidence."""
        return self.price - self.confidence

    @property
    def high(self) -> Decimal:
        """USD: the price plus its confidence."""
        return self.price + self.confidence

    @property
    def share(self) -> float:
        """The confidence as a share of the price."""
        return self.confidence_number / self.price_number

    def units(self, usd: Decimal, instrument: Instrument) -> int:
        """The nearest price units of a market. Raises InputError."""
        return nearest_price(f"published: {self.market}", f"{usd:f}", instrument)


def parsed_update(text: str, markets: Sequence[str]) -> Update:
    """The price that a text states. Raises InputError."""
    name, equals, rest = text.partition("=")
    parts = [each.strip() for each in rest.split(",")]
    if not equals or not 3 <= len(parts) <= 4:
        raise InputError.of("", "published", text, _EXPECTED)
    if name.strip() not in markets:
        raise InputError.of("", "published", text, f"of one of the markets: {', '.join(markets)}")
    try:
        price, confidence, exponent = (int(each) for each in parts[:3])
        age_s = Decimal(parts[3]) if len(parts) == 4 else Decimal(0)
        is_known = 0 <= age_s <= MOST_AGE_S
    except (ValueError, ArithmeticError):
        raise InputError.of("", "published", text, _EXPECTED) from None
    is_price = 0 < price <= LARGEST and 0 <= confidence < price
    if not is_price or not -DEEPEST_EXPONENT <= exponent <= DEEPEST_EXPONENT or not is_known:
        expected = "a price above 0, a confidence below it, an exponent from -18 to 18, an age of 0"
        raise InputError.of("", "published", text, f"{expected} to {MOST_AGE_S:,} s")
    return Update(
        market=name.strip(), price_number=price, confidence_number=confidence, exponent=exponent,
        age_ms=round(1000 * age_s),
    )  # fmt: skip
