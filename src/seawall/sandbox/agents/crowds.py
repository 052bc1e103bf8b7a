"""The over-leveraged: they hold as much as they may until the market closes it for them.

A crowd is one account with a small stake and the highest leverage it is granted, cross or
isolated. It goes with the last move or against it, takes its profit or loses patience, and comes
back with fresh money a few minutes after it was liquidated. So every price has someone whose
liquidation is near, on both sides.
"""

from seawall.domain.commands import Command, Deposit, SetLeverage
from seawall.domain.enums import MarginMode, MarketMargin, OrderFlag
from seawall.domain.units import MICRO
from seawall.sandbox.agents.base import AccountAgent, Sight, Trading

LEAST_LEVERAGE, MOST_LEVERAGE = 20, 50
USED = 0.92
"""Share of the stake that the position takes as margin."""
TAKE_PROFIT = 1.5
"""It closes when the profit is this share of the stake."""
COMES_BACK_MS = 120_000.0
PATIENCE_MS = 10_800_000.0
SLIPPAGE = 0.004


class Crowd(AccountAgent):
    """One account with too much leverage in one market."""

    interval_ms = 5_000

    def __init__(self, trading: Trading, mode: MarginMode, number: int, seed: str) -> None:
        if trading.market.instrument.margin != MarketMargin.ANY_MODE:
            mode = MarginMode.ISOLATED
        name = f"crowd {trading.market.name} {mode.name.lower()} {number}"
        super().__init__(name, trading, seed)
        self.mode = mode
        most = min(MOST_LEVERAGE, trading.market.instrument.maximum_leverage)
        self.leverage = self._random.randint(min(LEAST_LEVERAGE, most), most)
        share = self._random.uniform(0.1, 0.3)
        self._notional_usd = max(500.0, share * trading.market.profile.depth_usd(10))
        self.stake_usd = self._notional_usd / self.leverage / USED
        self._enters_ms = 0.0
        self._leaves_ms = 0.0

    def forget(self) -> None:
        self._enters_ms = self._leaves_ms = 0.0

    def _after(self, time_ms: int, mean_ms: float) -> float:
        return time_ms + self._random.expovariate(1 / mean_ms)

    def act(self, sight: Sight) -> list[Command]:
        row, now = self.trading.row, sight.time_ms
        middle = sight.view.middle(row)
        if middle <= 0 or not sight.view.is_open(row):
            return []
        position = sight.view.position(self._account, row)
        if position.signed_size:
            self._enters_ms = 0.0
            self._leaves_ms = self._leaves_ms or self._after(now, PATIENCE_MS)
            value_usd = self.trading.usd_of(position.signed_size, sight.view.mark_price(row))
            profit_usd = value_usd - position.entry_notional / MICRO
            if profit_usd < TAKE_PROFIT * self.stake_usd and now < self._leaves_ms:
                return []
            size = -position.signed_size
            flags = OrderFlag.REDUCE_ONLY
            return [self.trading.take(now, self._account, size, middle, SLIPPAGE, flags)]
        self._leaves_ms = 0.0
        # The first one comes soon after the start, so that there is an account to liquidate.
        self._enters_ms = self._enters_ms or self._after(now, COMES_BACK_MS)
        return [] if now < self._enters_ms else self._enter(sight, middle)

    def _enter(self, sight: Sight, middle: float) -> list[Command]:
        now, row = sight.time_ms, self.trading.row
        stake = int(self.stake_usd * MICRO)
        equity = sight.view.pool_equity(self._account)
        commands: list[Command] = []
        if equity < stake:
            commands.append(Deposit(now, self._account, stake - equity))
        commands.append(SetLeverage(now, self._account, row, self.leverage, self.mode))
        size = self.trading.size_of(self._notional_usd, middle)
        fair = sight.outlooks[row].fair
        with_the_move = (fair >= sight.view.oracle_price(row)) == (self._random.random() < 0.6)
        signed = size if with_the_move else -size
        self._enters_ms = self._after(now, COMES_BACK_MS)
        if size:
            commands.append(self.trading.take(now, self._account, signed, middle, SLIPPAGE))
        return commands
