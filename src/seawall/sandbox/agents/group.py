"""The agents that trade in a sandbox, and which of them act when."""

from collections.abc import Sequence

from seawall.domain.enums import MarginMode
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT
from seawall.sandbox.agents.base import Agent, Trading
from seawall.sandbox.agents.crowds import Crowd
from seawall.sandbox.agents.makers import MakerDesk
from seawall.sandbox.agents.mirror import Followed, MirrorDesk, Replayer
from seawall.sandbox.agents.takers import Arbitrageur, NoiseTaker, TrendFollower, Unwinder
from seawall.sandbox.markets import OpenMarket

MAKERS = 2
CROWDS = 2
"""Of each margin mode."""
BACKSTOP = BACKSTOP_ACCOUNT


class AgentGroup:
    """All agents. Each acts when its interval has passed, at most once per look.

    ``followed``: another venue, whose book and trades are carried into ours; without one, agents
    trade by their profiles.
    """

    def __init__(
        self,
        markets: Sequence[OpenMarket],
        figures: int,
        seed: int,
        followed: Followed | None = None,
    ) -> None:
        self.desks: list[MakerDesk] = []
        self.agents: list[Agent] = []
        name = str(seed)
        for market in markets:
            trading = Trading(market, figures)
            if followed is not None:
                replayer = Replayer(trading, name, followed)
                mirror = MirrorDesk(trading, MAKERS, name, followed, replayer)
                self.desks.append(mirror)
                # What was traded there met the book that was shown before.
                self.agents += [replayer, mirror, Unwinder(trading, BACKSTOP)]
                continue
            desk = MakerDesk(trading, MAKERS, name)
            self.desks.append(desk)
            self.agents += [
                desk,
                NoiseTaker(trading, name),
                TrendFollower(trading, name),
                *(
                    Crowd(trading, mode, number, name)
                    for number in range(1, CROWDS + 1)
                    for mode in _modes(trading)
                ),
                Unwinder(trading, BACKSTOP),
                Arbitrageur(trading, name),
            ]
        self._due_ms = [0] * len(self.agents)

    def needed_accounts(self) -> list[tuple[str, float]]:
        """Every account that is needed, by name, with its stake in USD."""
        return [each for agent in self.agents for each in agent.needed_accounts()]

    def use_accounts(self, accounts: dict[str, int]) -> None:
        """``accounts``: rows by the names of ``needed_accounts``."""
        for agent in self.agents:
            agent.use_accounts([accounts[name] for name, _ in agent.needed_accounts()])

    def due(self, now_ms: int) -> list[Agent]:
        """Agents that are due, makers of each market first."""
        found = []
        for index, agent in enumerate(self.agents):
            if now_ms >= self._due_ms[index]:
                # On a grid with an offset of its own: not all act in the same moment.
                offset = index * 137 % agent.interval_ms
                turn = (now_ms - offset) // agent.interval_ms + 1
                self._due_ms[index] = turn * agent.interval_ms + offset
                found.append(agent)
        return found

    def forget(self) -> None:
        """Time may have gone back: every agent starts again and is due."""
        for agent in self.agents:
            agent.forget()
        self._due_ms = [0] * len(self.agents)


def _modes(trading: Trading) -> tuple[MarginMode, ...]:
    """The margin modes of crowds; under block rules an account is one pool."""
    if trading.market.instrument.block_terms is not None:
        return (MarginMode.CROSS,)
    return MarginMode.CROSS, MarginMode.ISOLATED
