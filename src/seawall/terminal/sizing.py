"""How much to trade so that a stop loses what was said, the way out of the book included."""

from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.quantities import usd
from seawall.domain.units import RATE_ONE, money_text
from seawall.terminal import protocol
from seawall.terminal.account import held_by
from seawall.terminal.market import eaten
from seawall.terminal.scene import Scene
from seawall.terminal.tickets import SIDES, price_units


def sized(scene: Scene, account: int, request: protocol.SizeByRisk) -> protocol.Sized:
    """The largest size whose loss at the stop stays within the risk. Raises InputError.

    The loss: from entry to stop, what the book of now would slip on the way out, and the taker's
    fee both ways.
    """
    market = scene.market(request.market)
    entry = price_units(scene, market, "entry", request.entry)
    stop = price_units(scene, market, "stop", request.stop)
    is_long = SIDES[request.side] == Side.BUY
    if (stop >= entry) if is_long else (stop <= entry):
        expected = f"{'below' if is_long else 'above'} the entry"
        raise InputError.of("", "stop", request.stop, expected)
    risk = usd("risk", request.risk)
    rate = int(scene.tables["accounts"]["taker_rate"][account])
    out = Side.SELL if is_long else Side.BUY
    middle, step = scene.middle(market), scene.size_step(market)

    def loss(size: int) -> int:
        """Micro-USD; of more than the book holds, at twice the worst slippage."""
        found = eaten(scene, market, out, size)
        slipped = abs(found.notional - worth(found.filled, middle))
        if found.filled < size:
            slipped += 2 * worth(size - found.filled, abs(found.worst - middle))
        fees = scene.value(market, size, entry + stop) * rate / RATE_ONE
        return round(scene.value(market, size, abs(entry - stop)) + slipped * stop / middle + fees)

    def worth(size: int, price: float) -> float:
        """Micro-USD."""
        return size * price * float(scene.quote_unit(market))

    fewest, most = 0, scene.size_worth(market, risk, abs(entry - stop)) // step
    while fewest < most:
        half = (fewest + most + 1) // 2
        fits = loss(half * step) <= risk
        fewest, most = (half, most) if fits else (fewest, half - 1)
    low = fewest * step
    if not low:
        expected = f"more: one unit of the market loses {money_text(loss(step))} USD"
        raise InputError.of("", "risk", request.risk, expected)
    equity = sum(each.equity for each in held_by(scene, account).margins.values())
    warnings = []
    if eaten(scene, market, out, low).filled < low:
        warnings.append("the book does not hold so much on the way out")
    return protocol.Sized(
        scene.size_text(market, low),
        money_text(scene.value(market, low, entry)),
        money_text(loss(low)),
        scene.value(market, low, entry) / equity if equity > 0 else 0.0,
        tuple(warnings),
    )
