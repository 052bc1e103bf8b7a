"""States whose numbers are Python's integers, for kernels that run as plain Python.

The recorded cases use 64 unsigned bits and more. A state here has the tables of a real one, laid
out by the engine's own code, but its columns are lists: no number of it has an end, and the same
kernels answer (``plain_arithmetic`` says why they do not saturate then). What the tables could
not hold is clamped while the state is laid out and written exactly afterwards.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from seawall.domain.enums import MarketStatus
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import PPM
from seawall.engine.block_layout import MAX_EXPONENT, MAX_QUOTE_EXPONENT
from seawall.engine.formulas.blocks.scaling import notional_of
from seawall.engine.layout import Limits, build_state, tables_of
from seawall.engine.rows import PlainState
from seawall.engine.tables import DTYPES, event_dtype
from seawall.engine.transitions.shared.accounts import open_account
from seawall.engine.transitions.shared.outbox import open_outbox
from seawall.engine.transitions.shared.positions import position_of
from tests.conformance.dydx_vectors.rules import block_rules

Case = Mapping[str, Any]

LARGEST = 2**62
EVENT_ROWS = 4096
EVENT_FIELDS = event_dtype.names or ()
SMALL = Limits(accounts=64, positions=128, orders=128, levels=128, nodes=128)
STATUSES = {
    "ACTIVE": MarketStatus.OPEN,
    "INITIALIZING": MarketStatus.INITIALIZING,
    "FINAL_SETTLEMENT": MarketStatus.FINAL_SETTLEMENT,
}
POLICIES = ("block", "order", "funding", "liquidation")


class WideRows:
    """A batch of rows outside the state: what ``PlainRows`` is, without an end of its numbers."""

    def __init__(self, names: tuple[str, ...], count: int) -> None:
        self.columns = tuple([0] * count for _ in names)
        self.capacity = count


class WideState(PlainState):
    """What kernels take as ``s``. Rows are read and written by table, number and field."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self.columns = {
            name: tuple(table[field].tolist() for field in table.dtype.names)
            for name, table in tables.items()
        }
        self.capacity = {name: len(table) for name, table in tables.items()}
        self.watches = 0
        self.fields = {
            name: {field: place for place, field in enumerate(table.dtype.names)}
            for name, table in tables.items()
        }
        self.market_of: dict[int, int] = {}
        """Market rows by the id that the cases use."""
        self.outbox = WideRows(EVENT_FIELDS, EVENT_ROWS)
        open_outbox(self, self.outbox)
        self.set("control", 0, outbox_capacity=EVENT_ROWS)

    def get(self, table: str, row: int, field: str) -> Any:
        return self.columns[table][self.fields[table][field]][row]

    def set(self, table: str, row: int, **values: int) -> None:
        for field, value in values.items():
            self.columns[table][self.fields[table][field]][row] = int(value)

    def events(self, kind: int | None = None) -> list[dict[str, int]]:
        """What the kernels reported so far, oldest first, of one kind or of all."""
        used = self.get("control", 0, "outbox_used")
        rows = [
            dict(zip(EVENT_FIELDS, row, strict=True))
            for row in zip(*(column[:used] for column in self.outbox.columns), strict=True)
        ]
        return [row for row in rows if kind is None or row["kind"] == kind]

    def forget_events(self) -> None:
        self.set("control", 0, outbox_used=0)

    def create_account(self, cash: int = 0) -> int:
        """A new user account."""
        account: int = self.get("control", 0, "accounts_used")
        self.set("control", 0, accounts_used=account + 1)
        open_account(self, account, -1, 0)
        self.set("accounts", account, cash=cash)
        return account

    def create_position(
        self, account: int, market: int, size: int, funding_index: int = 0, quote_balance: int = 0
    ) -> int:
        """The row of a position that was entered at the oracle price."""
        row = int(position_of(self, account, market))
        entry = notional_of(
            size,
            self.get("markets", market, "oracle_price"),
            self.get("block_markets", market, "value_exponent"),
        )
        self.set(
            "positions", row, signed_size=size, entry_notional=entry, isolated_cash=quote_balance
        )
        self.set("block_positions", row, funding_index=funding_index)
        return row

    def position_row(self, account: int, market: int) -> int:
        """The row of (account, market), or -1."""
        row: int = self.get("accounts", account, "first_position")
        while row >= 0 and self.get("positions", row, "market") != market:
            row = self.get("positions", row, "next_of_account")
        return row

    def create_subaccount(self, subaccount: Case) -> int:
        """An account from ``asset_positions`` and ``perpetual_positions`` of a case.

        Its positions are listed in the order of their ids. Raises KeyError for a market the
        state lacks and for an asset other than the one that is collateral.
        """
        cash = 0
        for asset in subaccount.get("cash") or ():
            if asset["asset"] != 0:
                raise KeyError(f"asset {asset['asset_id']}")
            cash += asset["amount"]
        account = self.create_account(cash)
        positions = subaccount.get("positions") or ()
        for position in sorted(positions, key=lambda p: p["market"], reverse=True):
            self.create_position(
                account,
                self.market_of[position["market"]],
                position["amount"],
                position.get("funding_index", 0),
                position.get("quote_balance", 0),
            )
        return account

    def subaccount(self, account: int) -> dict[str, Any]:
        """The account as the cases write one: nothing that is 0, positions by id."""
        cash = self.get("accounts", account, "cash")
        positions = []
        for perpetual, market in sorted(self.market_of.items()):
            row = self.position_row(account, market)
            if row >= 0 and self.get("positions", row, "signed_size"):
                positions.append(
                    {
                        "market": perpetual,
                        "amount": self.get("positions", row, "signed_size"),
                        "funding_index": self.get("block_positions", row, "funding_index"),
                        "quote_balance": self.get("positions", row, "isolated_cash"),
                    }
                )
        return {
            "cash": [{"asset": 0, "amount": cash}] if cash else [],
            "positions": positions,
        }


def _within(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _clamped_struct(value: Any) -> Any:
    """A policy with every number within what a column holds."""
    if isinstance(value, msgspec.Struct):
        fields = {name: _clamped_struct(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, tuple):
        return tuple(_clamped_struct(part) for part in value)
    return _within(value, -LARGEST, LARGEST) if type(value) is int else value


def _clamped_instrument(instrument: Instrument) -> Instrument:
    terms = instrument.block_terms
    assert terms is not None
    fractions = MarginFractions(
        initial_ppm=_within(terms.fractions.initial_ppm, 0, PPM),
        maintenance_fraction_ppm=_within(terms.fractions.maintenance_fraction_ppm, 0, PPM),
    )
    terms = msgspec.structs.replace(
        _clamped_struct(terms),
        fractions=fractions,
        price_step=_within(terms.price_step, 1, LARGEST),
        size_step=_within(terms.size_step, 1, LARGEST),
        value_exponent=_within(terms.value_exponent, -MAX_EXPONENT, MAX_EXPONENT),
        quote_exponent=_within(terms.quote_exponent, -MAX_EXPONENT, MAX_QUOTE_EXPONENT),
    )
    return msgspec.structs.replace(
        instrument,
        size_decimals=_within(instrument.size_decimals, -12, 24),
        impact_notional=_within(instrument.impact_notional, 0, LARGEST),
        block_terms=terms,
    )


def _write_known(state: WideState, table: str, row: int, struct: msgspec.Struct) -> None:
    """The numbers of a struct that the table has a column for."""
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if name in state.fields[table] and isinstance(value, int):
            state.set(table, row, **{name: value})


def wide_state(
    rulebook: BlockRulebook, instruments: Iterable[Instrument] = (), limits: Limits = SMALL
) -> WideState:
    """A fresh state with these rules and markets, exact whatever their size.

    A state needs a market; without instruments it has one that nobody speaks of.
    """
    markets = list(instruments) or [instrument_of(NO_MARKET)]
    buffer, _ = build_state(
        _clamped_struct(rulebook), [_clamped_instrument(market) for market in markets], limits, []
    )
    tables = tables_of(buffer)
    assert set(tables) == {"control", *DTYPES}
    state = WideState(tables)
    for policy in POLICIES:
        _write_known(state, "block_rules", 0, getattr(rulebook, policy))
    for row, tier in enumerate(rulebook.fee.tiers):
        _write_known(state, "volume_tiers", row, tier)
    for row, market in enumerate(markets):
        terms = market.block_terms
        assert terms is not None
        _write_known(state, "block_markets", row, terms)
        _write_known(state, "block_markets", row, terms.fractions)
        state.set("markets", row, impact_notional=market.impact_notional)
    return state


def instrument_of(perpetual: Case, pair: Case | None = None) -> Instrument:
    """A market from a case's perpetual and, where there is one, its pair of the order book."""
    tier, pair = perpetual["tier"], pair or {}
    atomic, exponent = perpetual["size_exponent"], perpetual["price_exponent"]
    return Instrument(
        name=f"market {perpetual['id']}",
        size_decimals=-atomic,
        tiers=(MarginTier(0, 1),),
        impact_notional=tier["impact_notional"],
        block_terms=BlockTerms(
            fractions=MarginFractions(
                initial_ppm=tier["initial_margin_ppm"],
                maintenance_fraction_ppm=tier["maintenance_fraction_ppm"],
                open_interest_lower_cap=tier["open_interest_lower_cap"],
                open_interest_upper_cap=tier["open_interest_upper_cap"],
            ),
            price_step=pair.get("order_price_step", 1),
            size_step=pair.get("size_step", 1),
            quote_exponent=pair.get("order_price_exponent", 0),
            value_exponent=exponent + atomic + 6,
            own_pool=perpetual.get("pool") == "ISOLATED",
            default_funding_ppm=perpetual.get("default_funding_ppm", 0),
            oracle_decimals=-exponent,
        ),
    )


NO_TIER = {
    "initial_margin_ppm": PPM,
    "maintenance_fraction_ppm": PPM,
    "impact_notional": 0,
    "open_interest_lower_cap": 0,
    "open_interest_upper_cap": 0,
}
NO_MARKET = {"id": 0, "size_exponent": 0, "price_exponent": 0, "tier": NO_TIER}


def set_oracle_price(state: WideState, market: int, price: int) -> None:
    """The oracle's price as if it had always been that."""
    state.set("markets", market, oracle_price=price, mark_price=price, previous_mark_price=price)


def wide_markets(
    perpetuals: Iterable[Case],
    pairs: Iterable[Case] = (),
    rulebook: BlockRulebook | None = None,
    limits: Limits = SMALL,
) -> WideState:
    """A state with a case's perpetuals as markets: row numbers in ``market_of``, in order of ids.

    ``pairs``: pairs of the order book; a pair's id is that of its perpetual.
    """
    listed = sorted(perpetuals, key=lambda perpetual: perpetual["id"])
    pair_of = {pair["id"]: pair for pair in pairs}
    instruments = [instrument_of(perpetual, pair_of.get(perpetual["id"])) for perpetual in listed]
    state = wide_state(rulebook or block_rules(), instruments, limits)
    for market, perpetual in enumerate(listed):
        state.market_of[perpetual["id"]] = market
        set_oracle_price(state, market, perpetual["price"])
        status = pair_of.get(perpetual["id"], {}).get("status", "ACTIVE")
        state.set(
            "markets",
            market,
            open_interest=perpetual.get("open_interest", 0),
            status=STATUSES.get(status, MarketStatus.OPEN),
        )
        state.set("block_markets", market, funding_index=perpetual.get("funding_index", 0))
    return state
