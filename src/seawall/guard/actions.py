"""What the guard does, as values: a journal holds them, a writer carries them out.

There is no action that opens or increases a position: every order is reduce-only by its type.
"""

from msgspec import Struct


class PlaceOrder(Struct, frozen=True, kw_only=True, tag="place_order"):
    """A reduce-only order. ``kind``: ``immediate`` (or cancel), ``post_only``, ``trigger`` (at
    market). ``price``: the worst at which it may fill, of a trigger order once it has fired.

    The writer rounds ``price`` inwards to a tick and ``trigger_price`` away from liquidation, and
    makes the venue refuse it after ``expires_ms``: what is unknown by then never comes.
    """

    market: str
    is_buy: bool
    size: int
    kind: str
    price: int
    client_id: str
    trigger_price: int = 0
    take_profit: bool = False
    expires_ms: int
    step: str
    why: str

    @property
    def reduce_only(self) -> bool:
        """True: no order of the guard is anything else."""
        return True


class CancelOrder(Struct, frozen=True, kw_only=True, tag="cancel_order"):
    """Cancel an open order, by its client id where it has one."""

    market: str
    order_id: int
    client_id: str = ""
    why: str


class QueryOrder(Struct, frozen=True, kw_only=True, tag="query_order"):
    """Ask the venue what became of an order; the answer is a status of a later view."""

    market: str
    client_id: str


class AddMargin(Struct, frozen=True, kw_only=True, tag="add_margin"):
    """Move micro-USD from a source to a bucket. ``name``: the step and its episode."""

    bucket: str
    amount: int
    source: str
    name: str
    why: str


class Alert(Struct, frozen=True, kw_only=True, tag="alert"):
    """A sentence for a person. ``level``: ``info``, ``warning`` or ``critical``."""

    key: str
    level: str
    text: str


Action = PlaceOrder | CancelOrder | QueryOrder | AddMargin | Alert
