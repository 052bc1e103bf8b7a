"""An account at other prices, in other modes or at other leverages, computed by the engine.

The account is taken out of the venue as ``seawall stress`` would read it from the venue's answer,
and valued and moved by the same functions, so that the two agree to the last unit.
"""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.liquidation import LiquidationPrices
from seawall.accounts.valuation import Valuation, valuation_of
from seawall.domain.enums import MarginGrouping, MarginMode, OrderFlag, OrderState, Side
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.events import CROSS_POOL, group_of_pool, is_pool
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.margin_groups import account_groups
from seawall.domain.plain_units import in_plain_units
from seawall.domain.quantities import number
from seawall.domain.units import MONEY_DECIMALS, money_text
from seawall.engine.account_view import cash_by_group
from seawall.engine.holding_view import Holding
from seawall.lab.market.assumptions import assumptions_of, leverages_of
from seawall.lab.market.liquidity import depths
from seawall.lab.stress.aftermath import StressMachine
from seawall.lab.stress.grid import Cell, Move, MoveKind, equity_of, shocked_prices, stress_cell
from seawall.lab.stress.reverse import smallest_move
from seawall.sandbox.markets import coin_of
from seawall.terminal import protocol
from seawall.terminal.account import MODES, Held, bucket_title, finite, held_by, pool_name
from seawall.terminal.market import open_orders
from seawall.terminal.scene import Scene
from seawall.terminal.tickets import margin_amount

LEAST_MOVE, MOST_MOVE = -0.99, 10
WHOLE_MOVE = Fraction(1)


# -- out of the venue ----------------------------------------------------------------------------


def taken_out(scene: Scene, row: int) -> Account | None:
    """The account with its positions, orders and marks; None without a position.

    Under block rules in plain units, in which its equity is the machine's to the last one.
    Raises InputError for a market that no plain units fit.
    """
    held = held_by(scene, row)
    if not held.positions:
        return None
    markets = [each.market for each in held.positions]
    found = [(int(order["market"]), order) for order in open_orders(scene, row)]
    orders = sorted(found, key=lambda each: each[0])
    rows = tuple(dict.fromkeys([*markets, *(market for market, _ in orders)]))
    sizes = {each.market: each.signed_size for each in held.positions}
    kept = {market: _Plain(scene, market, place, sizes) for place, market in enumerate(rows)}
    positions = tuple(_position(kept[each.market], each) for each in held.positions)
    name = scene.names.of(row)
    cash = _deposits(scene, row, held)
    if scene.in_blocks:
        profit = sum(kept[each.market].profit(each) for each in held.positions)
        cash = {0: held.margins[CROSS_POOL].equity - profit}
    return Account(
        name=name.label,
        source=name.address,
        venue=scene.rulebook.name,
        rulebook=scene.rulebook,
        instruments=tuple(each.instrument for each in kept.values()),
        listed={each.instrument.name: each.instrument for each in kept.values()},
        prices=tuple(each.mark for each in kept.values()),
        holdings=Holdings(
            name=name.label,
            collateral=cash[0],
            positions=positions,
            orders=tuple(
                _order(kept[market], order)
                for market, order in orders
                if order["state"] != OrderState.WAITING_FOR_FILL
            ),
            grouping=MarginGrouping(int(scene.tables["accounts"]["grouping"][row])),
            other_collateral={group: money for group, money in cash.items() if group and money},
        ),
    )


def _deposits(scene: Scene, row: int, held: Held) -> dict[int, int]:
    """What the account has put in, with the margin of its buckets, by margin group."""
    cash = {group: int(money) for group, money in enumerate(cash_by_group(scene.tables, [row])[0])}
    for each in held.positions:
        group = group_of_pool(held.pools[each.market])
        cash[group] += each.entry_notional + (0 if each.is_cross else each.isolated_cash)
    return cash


class _Plain:
    """A market of the account in units in which price x size is micro-USD; most have no others."""

    def __init__(self, scene: Scene, market: int, place: int, sizes: Mapping[int, int]) -> None:
        self.place = place
        of = scene.instruments[market]
        if not scene.in_blocks:
            self.instrument, self.mark = of, int(scene.mark(market))
            self._size = self._price = Fraction(1)
            return
        coins = Fraction(1) / Fraction(10) ** of.size_decimals
        usd = scene.mark(market) * of.price_unit
        found = in_plain_units(of, Fraction(usd), [abs(sizes.get(market, 0)) * coins])
        if found is None:
            expected = f"sizes and prices of {MONEY_DECIMALS} decimals together"
            raise InputError.of("", "market", of.name, expected)
        self.instrument = found
        self._size = coins * 10**found.size_decimals
        self._price = of.price_unit * 10**found.price_decimals
        self.mark = max(1, round(scene.mark(market) * self._price))

    def size(self, units: int) -> int:
        return int(units * self._size)

    def price(self, units: int) -> int:
        return int(units * self._price)

    def profit(self, held: Holding) -> int:
        """Unrealised at the mark of these units, micro-USD."""
        return self.size(held.signed_size) * self.mark - held.entry_notional


def _position(kept: _Plain, held: Holding) -> Position:
    # The bucket's cash is what it was given less what its position cost.
    margin = 0 if held.is_cross else held.isolated_cash + held.entry_notional
    return Position(
        market=kept.place,
        signed_size=kept.size(held.signed_size),
        entry_notional=abs(held.entry_notional),
        mode=MarginMode(held.mode),
        leverage=held.leverage,
        isolated_margin=margin,
    )


def _order(kept: _Plain, order: Mapping[str, int]) -> OpenOrder:
    flags = int(order["flags"])
    is_trigger = bool(flags & OrderFlag.TRIGGER)
    return OpenOrder(
        market=kept.place,
        side=Side(int(order["side"])),
        size=kept.size(int(order["remaining_size"])),
        price=0 if is_trigger else kept.price(int(order["price"])),
        trigger_price=kept.price(int(order["trigger_price"])) if is_trigger else 0,
        take_profit=bool(flags & OrderFlag.TAKE_PROFIT),
        reduce_only=bool(flags & OrderFlag.REDUCE_ONLY),
    )


# -- the questions -------------------------------------------------------------------------------


def move_of(account: Account, request: protocol.AskWhatIf) -> Move:
    """What moves and how far, as factors of a whole move. Raises InputError."""
    for name in request.moves:
        account.market(name)
    expected = f"a share from {LEAST_MOVE:g} to {MOST_MOVE}, like -0.15"

    def share(text: str) -> Fraction:
        return number("moves", text, least=Fraction(-99, 100), most=MOST_MOVE, expected=expected)

    factors = tuple(share(request.moves.get(each, request.all_markets)) for each in account.markets)
    return Move(kind=MoveKind.TOGETHER, name="what if", factors=factors)


def changed(
    account: Account, modes: Mapping[str, protocol.ModeName], leverages: Mapping[str, int]
) -> Account:
    """The same positions in other modes and at other leverages, as if opened so at the mark.

    An isolated bucket then holds the position's initial margin. Raises InputError.
    """
    numbers = {account.market(name) for name in (*modes, *leverages)}
    found = []
    for each in account.holdings.positions:
        name = account.markets[each.market]
        if each.market not in numbers:
            found.append(each)
            continue
        mode = each.mode
        if name in modes:
            mode = MarginMode.CROSS if modes[name] == "cross" else MarginMode.ISOLATED
        most = account.instruments[each.market].maximum_leverage
        leverage = leverages.get(name, each.leverage)
        if not 1 <= leverage <= most:
            raise InputError.of("", "leverage", leverage, f"from 1 to {most}")
        value = each.signed_size * account.prices[each.market]
        entry = each.entry_notional if each.signed_size > 0 else -each.entry_notional
        margin = 0
        if mode == MarginMode.ISOLATED:
            margin = abs(value) // leverage - (value - entry)
        found.append(structs.replace(each, mode=mode, leverage=leverage, isolated_margin=margin))
    return account.replace(holdings=structs.replace(account.holdings, positions=tuple(found)))


def with_margin(account: Account, market: str, amount: str) -> Account:
    """The account with so many USD moved into an isolated bucket. Raises InputError."""
    row, added = account.market(market), margin_amount(amount)
    positions = account.holdings.positions
    if not any(each.market == row and each.is_isolated for each in positions):
        raise InputError.of("", "market", market, "a market with an isolated position")
    found = tuple(
        structs.replace(each, isolated_margin=each.isolated_margin + added)
        if each.market == row
        else each
        for each in positions
    )
    return account.replace(holdings=structs.replace(account.holdings, positions=found))


def answer(
    scene: Scene, now: Account, then: Account, move: Move, cell: Cell | None
) -> protocol.WhatIf:
    """``now``: as it is; ``then``: in the modes and at the leverages asked about; ``cell``: what
    a simulated move leaves, None where none was asked for."""
    before = valuation_of(now)
    at_first = {each.bucket: each.equity for each in before.at(before.prices).values()}
    rejected = _shortfall(then) if then is not now else ""
    if rejected:
        return _rejected(rejected, sum(at_first.values()))
    try:
        valuation = valuation_of(then)
        prices = shocked_prices(valuation, move, WHOLE_MOVE)
    except SeawallError as error:
        return _rejected(str(error), sum(at_first.values()))
    boundary = None
    if any(move.factors):
        boundary = smallest_move(valuation, move, 1)
    found = valuation.at(prices)
    equity = equity_of(found)
    return protocol.WhatIf(
        "",
        money_text(sum(at_first.values())),
        money_text(equity),
        money_text(sum(at_first.values()) - equity),
        then.replace(prices=prices).price_texts,
        _buckets(scene, valuation, at_first, prices),
        _positions(then.replace(prices=prices), valuation, prices),
        None if boundary is None or not boundary.buckets
        else _name(scene, valuation, boundary.buckets[0]),
        None if boundary is None or boundary.over is None else float(boundary.over),
        None if cell is None else _afterwards(scene, valuation, cell),
    )  # fmt: skip


def _rejected(reason: str, equity: int) -> protocol.WhatIf:
    text = money_text(equity)
    return protocol.WhatIf(reason, text, text, "0", {}, (), (), None, None, None)


def _shortfall(account: Account) -> str:
    """What keeps a pool from carrying its initial margins; empty where nothing does."""
    holdings = account.holdings
    groups = account_groups(account.rulebook, account.instruments, holdings.grouping)
    left = {0: holdings.collateral, **holdings.other_collateral}
    for each in holdings.positions:
        value = each.signed_size * account.prices[each.market]
        entry = each.entry_notional if each.signed_size > 0 else -each.entry_notional
        margin = each.isolated_margin
        if not each.is_isolated:
            margin = abs(value) // each.leverage - (value - entry)
        group = groups[each.market]
        left[group] = left.get(group, 0) - margin
    lacks = -min(left.values())
    return f"the cross pool lacks {money_text(lacks)} USD of margin" if lacks > 0 else ""


def _name(scene: Scene, valuation: Valuation, bucket: int) -> str:
    if is_pool(bucket):
        return pool_name(scene, bucket)
    return valuation.instruments[bucket].name


def _buckets(
    scene: Scene, valuation: Valuation, before: Mapping[int, int], prices: tuple[int, ...]
) -> tuple[protocol.BucketAfter, ...]:
    found = valuation.at(prices)
    margins = valuation.margins()
    shown = []
    for bucket, each in found.items():
        name, risk = _name(scene, valuation, bucket), margins[bucket]
        shown.append(
            protocol.BucketAfter(
                name,
                bucket_title(name, is_pool=is_pool(bucket)),
                not is_pool(bucket),
                money_text(each.equity),
                money_text(each.equity - before.get(bucket, 0)),
                money_text(risk.initial_margin),
                money_text(each.maintenance_margin),
                money_text(max(0, each.equity - risk.initial_margin)),
                finite(each.ratio),
                each.is_liquidatable,
            )
        )
    return tuple(shown)


def _positions(
    account: Account, valuation: Valuation, prices: tuple[int, ...]
) -> tuple[protocol.PositionAfter, ...]:
    liquidation = LiquidationPrices(account, valuation)
    shown = []
    for each in account.holdings.positions:
        value = each.signed_size * prices[each.market]
        entry = each.entry_notional if each.signed_size > 0 else -each.entry_notional
        name = account.markets[each.market]
        price = liquidation.price(each.market)
        shown.append(
            protocol.PositionAfter(
                name,
                name if each.is_isolated else "cross",
                money_text(value - entry),
                None if price is None else format(price, "f"),
                None if price is None else float(price / account.price(name)) - 1,
                each.leverage,
                MODES[int(each.mode)],
            )
        )
    return tuple(shown)


# -- the simulated move --------------------------------------------------------------------------


def simulated(account: Account, move: Move) -> Cell:
    """The move and a minute after it, with the assumptions of ``seawall stress``."""
    assumed = assumptions_of(None)
    paying = assumed.account(_by_coin(account))
    leverages = leverages_of(paying.listed.values())
    valuation = valuation_of(paying)
    machine = StressMachine(
        paying.holdings, paying.rulebook, paying.instruments,
        depths(paying.listed.values(), assume=assumed), paying.prices,
        assumed.backstop(leverages),
    )  # fmt: skip
    before = equity_of(valuation.at(valuation.prices))
    return stress_cell(valuation, machine, move, WHOLE_MOVE, before)


def _by_coin(account: Account) -> Account:
    """The account with its markets called by their coins, as assumptions call them."""
    named = [structs.replace(each, name=coin_of(each.name)) for each in account.instruments]
    return account.replace(instruments=tuple(named), listed={each.name: each for each in named})


def _afterwards(scene: Scene, valuation: Valuation, cell: Cell) -> protocol.Afterwards | None:
    after = cell.aftermath
    if after is None:
        return None
    return protocol.Afterwards(
        money_text(cell.left),
        money_text(cell.lost),
        money_text(cell.cost),
        tuple(_name(scene, valuation, bucket) for bucket in cell.liquidated),
        None if after.first is None else valuation.instruments[after.first].name,
        tuple(each.value for each in after.stages),
    )


def without_positions(scene: Scene, row: int) -> protocol.WhatIf:
    """An account without positions: no price changes what it is worth."""
    equity = sum(each.equity for each in held_by(scene, row).margins.values())
    return _rejected("", equity)
