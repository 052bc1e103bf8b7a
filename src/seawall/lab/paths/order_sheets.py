"""What the account's orders did on many paths, as a sheet and sentences."""

from collections.abc import Sequence

from seawall.engine.placement import PROTECTION_PERCENT
from seawall.lab.paths.kernels.account_orders import left_out
from seawall.lab.paths.kernels.task import BlockRules, OrderKind, PathAccount, PathOrder
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.statistics import OrderStatistics
from seawall.report import kinds
from seawall.report.sheet import Column


def order_name(account: PathAccount, order: PathOrder) -> str:
    """``stop``, ``take-profit``, ``limit``, ``close before funding`` or ``top-up``."""
    if order.kind == OrderKind.TRIGGER:
        gains = order.rises == (account.size[order.market] > 0)
        return "take-profit" if gains else "stop"
    names = {
        OrderKind.LIMIT: "limit",
        OrderKind.BEFORE_FUNDING: "close before funding",
        OrderKind.TOP_UP: "top-up",
    }
    return names[OrderKind(order.kind)]


def order_price(order: PathOrder) -> str | None:
    """USD: the price of a limit order, else the mark that is waited for; None for neither."""
    if order.kind == OrderKind.BEFORE_FUNDING:
        return None
    return f"{order.worst if order.kind == OrderKind.LIMIT else order.level:.12g}"


def order_columns(account: PathAccount) -> list[Column]:
    """Market, kind, size, price, distance and funding rate of the ``order`` of a row."""

    def share(row: OrderStatistics) -> float | None:
        order = row.order
        if order.kind == OrderKind.TOP_UP:
            return None
        return float(order.lots * account.lot[order.market] / abs(account.size[order.market]))

    def distance(row: OrderStatistics) -> float | None:
        price = order_price(row.order)
        return None if price is None else float(price) / float(account.price[row.order.market]) - 1

    def rate(row: OrderStatistics) -> float | None:
        return row.order.rate if row.order.kind == OrderKind.BEFORE_FUNDING else None

    return [
        Column("market", get=lambda row: account.markets[row.order.market]),
        Column("order", get=lambda row: order_name(account, row.order)),
        Column("of_position", kinds.SHARE, share, "of the position"),
        Column("money", kinds.USD, lambda row: row.order.amount or None, "adds, USD", 3),
        Column("price", kinds.PRICE, lambda row: order_price(row.order)),
        Column("distance", kinds.MOVE, distance, "from now", 2),
        Column("above_rate", kinds.RATE, rate, "above, an hour", 3),
    ]


def order_words(account: PathAccount) -> str:
    """What the orders of an account do on the paths, as an assumption."""
    if not account.orders:
        return "The account does nothing on the way: it has no order that closes, and no new money."
    cancels = "A liquidation cancels the orders of its bucket first"
    if isinstance(account.rules, BlockRules):
        cancels = "A liquidation leaves them"
    return (
        "The account's orders act at the price of a step: a stop or take-profit is sent to the "
        f"book and takes at most {PROTECTION_PERCENT} % beyond its trigger, what is not filled "
        "there is cancelled; a limit order is filled at its price once the other side's best quote "
        f"reaches it. {cancels}, and new money comes after it."
    )


def left_out_words(setup: PathSetup) -> Sequence[str]:
    """How many orders do not act, if any."""
    count = left_out(setup.account.holdings)
    if not count:
        return ()
    plural = "s" if count > 1 else ""
    return (f"{count} open order{plural} left out: on paths, orders only close positions.",)
