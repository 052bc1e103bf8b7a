"""Money on its way to the accounts of a block of paths, and what it costs."""

import numpy as np

from seawall.domain.units import MICRO
from seawall.lab.arrays import Floats, Integers
from seawall.lab.guard_test.moment import Terms
from seawall.lab.guard_test.purse import Purse, Sent
from seawall.lab.guard_test.watch import Watched, fresh_now, measure
from seawall.lab.keepers.gas import WINDOW_MS
from seawall.lab.paths.kernels.stages_state import Rules, State
from seawall.lab.transfers.route import Route

NEVER = 2**62


class Transit:
    """Of n paths. ``due``: (n,) ms at which the next transfer is there. ``top_ups``: (n,) arrived.

    How full the network is follows from the fall of the market of the largest position from its
    highest price within the hour before.
    """

    def __init__(
        self, terms: Terms, rules: Rules, watched: Watched, wallet: int, route: Route, step_ms: int
    ) -> None:
        paths = len(watched.until)
        self._terms, self._rules, self._watched = terms, rules, watched
        self._now = fresh_now(len(terms.account.price), len(terms.account.cash))
        self.purses = [Purse(wallet, route) for _ in range(paths)]
        self.due: Integers = np.full(paths, NEVER, np.int64)
        self.top_ups: Integers = np.zeros(paths, np.int64)
        account = terms.account
        self._lead = int(np.abs(account.size * account.price).argmax())
        rows = 1 + WINDOW_MS // step_ms
        self._seen = np.full((rows, paths), account.price[self._lead])

    @property
    def fees(self) -> Floats:
        """(n,) USD paid for transfers."""
        return np.array([each.fees for each in self.purses], np.float64) / MICRO

    def repeat_first(self) -> None:
        """Every path as the first one."""
        self.purses = [self.purses[0].copy() for _ in self.purses]
        self.due[...], self.top_ups[...] = self.due[0], self.top_ups[0]

    def note(self, step: int, price: Floats) -> None:
        """The prices (m, n) of a step."""
        self._seen[step % len(self._seen)] = price[self._lead]

    def send(
        self, state: State, path: int, bucket: int, amount: int, time_ms: int, *, from_pool: bool
    ) -> None:
        """Send money to a bucket of a path; what takes no time is there at once."""
        fall = 1.0 - state.price[self._lead, path] / self._seen[:, path].max()
        self.purses[path].send(
            time_ms, bucket, amount, fall, is_bucket=bucket > 0, from_pool=from_pool
        )
        self.arrive(state, path, time_ms)

    def arrive(self, state: State, path: int, time_ms: int) -> None:
        """What is there by now."""
        purse = self.purses[path]
        for each in purse.arrived(time_ms):
            self._take(state, path, each)
        self.due[path] = purse.next_ms(NEVER)

    def _take(self, state: State, path: int, sent: Sent) -> None:
        amount, bucket = sent.amount / MICRO, sent.bucket
        is_gone = bucket > 0 and not (state.size[self._terms.holds[bucket], path] != 0.0).any()
        if sent.from_pool:
            # The venue moves it when it is there, if the pool has it then and the bucket is left.
            if sent.is_late and (is_gone or self._free(state, path) < sent.amount):
                return
            state.cash[0, path] -= amount
        else:
            self._watched.added[path] += sent.amount
        state.cash[0 if is_gone and sent.is_late else bucket, path] += amount
        self.top_ups[path] += 1

    def _free(self, state: State, path: int) -> int:
        now = self._now
        measure(self._rules, self._terms.scales, state.price, state.size, state.cash, path, now)
        return free_margin(
            self._rules, self._terms, now.units.tolist(), now.marks.tolist(), int(now.equity[0])
        )


def free_margin(rules: Rules, terms: Terms, units: list[int], marks: list[int], equity: int) -> int:
    """Micro-USD that may leave the pool: its equity beyond initial margin."""
    floor, needed = rules.stages.transfer_floor, 0.0
    for place, bucket in enumerate(terms.account.bucket):
        if bucket == 0:
            share = max(1.0 / rules.leverage[place], floor)
            needed += abs(units[place] * marks[place]) * share
    return max(0, equity - int(np.ceil(needed)))
