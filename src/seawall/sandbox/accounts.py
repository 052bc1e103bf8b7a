"""Accounts of a sandbox: funded ones for its users, and those of its agents. TEST ONLY.

Everything follows from one seed phrase, so the phrase is the key to the accounts; how is the
dialect's (``Wire.user_key``, ``Wire.agent_address``).
"""

from seawall.domain.commands import Deposit
from seawall.domain.enums import MarginGrouping
from seawall.domain.units import MAX_DEPOSITS, MAX_MONEY, MICRO
from seawall.venues.port import Desk, Plan, Refusal
from seawall.venues.venue import UserKey, Wire

USERS = 10
USER_USD = 100_000
_PHRASE = "seawall test only {seed}"


def seed_phrase(seed: int) -> str:
    return _PHRASE.format(seed=seed)


def user_keys(wire: Wire, phrase: str, count: int = USERS) -> list[UserKey]:
    return [wire.user_key(phrase, index) for index in range(count)]


async def open_account(
    desk: Desk, address: str, usd: float, label: str, grouping: MarginGrouping | None = None
) -> int:
    """The row of the account of an address; opened and funded if there was none.

    ``grouping``: of its margin, by default that of new accounts. Raises Refusal when the tables
    are full.
    """
    row = int(desk.directory.row_of(address))
    if row >= 0:
        return row
    return (await deposit(desk, address, int(usd * MICRO), label, grouping))[0]


async def deposit(
    desk: Desk,
    address: str,
    micro_usd: int,
    label: str = "funded",
    grouping: MarginGrouping | None = None,
) -> tuple[int, bool]:
    """Money for an address from nowhere: (account row, whether it is new).

    ``label``, ``grouping``: of an account that is opened for it. Raises Refusal when the tables
    are full, or where there would be more money than can be counted.
    """
    is_new = desk.directory.row_of(address) < 0

    def plan(time_ms: int) -> Plan:
        row = desk.directory.row_of(address)
        tables = desk.engine.tables
        if int(tables["margin_groups"]["money_outside"][0]) + micro_usd > MAX_DEPOSITS:
            raise Refusal(f"all deposits together can be {MAX_DEPOSITS // MICRO} USD")
        if row >= 0 and int(tables["accounts"]["cash"][row]) + micro_usd > MAX_MONEY:
            raise Refusal(f"an account can hold {MAX_MONEY // MICRO} USD")
        if row >= 0:
            return Plan([Deposit(time_ms, row, micro_usd)])
        record, create, row = desk.directory.new_account(
            desk.engine, time_ms, address, label=label, grouping=grouping, by_client=False
        )
        return Plan([*create, Deposit(time_ms, row, micro_usd)], [record])

    done = await desk.submit(plan, uses_reserve=True)
    for event in (event for applied in done.applied for event in applied.events):
        if (reason := getattr(event, "reason", None)) is not None:
            raise Refusal(f"the engine refused: {reason.name.lower()}")
    return int(desk.directory.row_of(address)), is_new
