"""What the venue remembers beside the machine: addresses, sub-accounts, agents, nonces, names.

Money is never here. The USDC that an address holds on the spot side is the cash of a second
account row of the machine, its spot row, which trades nothing; so every transfer is one command
that the machine accepts or rejects, and no record can disagree with it. Rows are taken in the
order of creation: a record ``account`` or ``spot`` goes with one CREATE_ACCOUNT command.

A unified account has one balance: its spot USDC is the cash of its own row, which shares its margin
over all dexes. The machine knows it as its margin grouping, so records and commands go together.

Addresses are lower-case with ``0x`` throughout; times are ms of the venue's clock.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from seawall.domain.commands import NO_ACCOUNT, Command, CreateAccount, SetMarginGrouping
from seawall.domain.enums import MarginGrouping
from seawall.domain.units import DAY_MS
from seawall.venues.hyperliquid.directory.builders import BuilderFees
from seawall.venues.hyperliquid.directory.nonces import KeptNonces
from seawall.venues.hyperliquid.directory.twaps import Twap
from seawall.venues.hyperliquid.wire.values import system_address
from seawall.venues.port import NamedAccount, Record, Refusal

FIRST_ROW = 5
MAXIMUM_SUB_ACCOUNTS = 10
MAXIMUM_BUILDERS = 10
MAXIMUM_BUILDER_TENTHS = 100
"""Tenths of a basis point: 0.1 %."""
_KEPT_ROWS = 64
"""Account rows that only an operator may take, at most; of a small table a 64th."""
AGENT_LIFE_MS = 180 * DAY_MS
NAMED_AGENTS = 3
NAMED_AGENTS_PER_SUB_ACCOUNT = 2
STANDARD = "default"
UNIFIED = "unifiedAccount"
"""Modes of an account; a standard one may also be called disabled."""
_KEPT_TWAPS = 10_000


class Holder(Struct):
    """An address with an account. ``master``: of a sub-account, else empty. ``spot_row``: -1 until
    it first held USDC on the spot side. ``label``: who it is in the sandbox, not on the venue."""

    address: str
    row: int
    master: str = ""
    name: str = ""
    label: str = ""
    spot_row: int = -1
    created_ms: int = 0
    abstraction: str = STANDARD
    referrer: str = ""
    referral_code: str = ""
    requests: int = 0
    reserved_requests: int = 0
    last_request_ms: int = 0
    builders: dict[str, int] = {}
    """Approved builders and the most they may charge, tenths of a basis point."""

    @property
    def is_unified(self) -> bool:
        return self.abstraction == UNIFIED


class Agent(Struct):
    """A key that may sign for ``master`` and its sub-accounts until ``valid_until`` (ms)."""

    address: str
    master: str
    name: str
    valid_until: int
    approved_ms: int


class State(Struct):
    """All of it, as a snapshot carries it."""

    next_row: int = FIRST_ROW
    holders: dict[str, Holder] = {}
    agents: dict[str, Agent] = {}
    former_agents: set[str] = set()
    """Keys of agents that were removed or replaced; none is accepted again."""
    nonces: dict[str, KeptNonces] = {}
    twaps: dict[int, Twap] = {}
    next_twap: int = 1
    builder_fees: BuilderFees = msgspec.field(default_factory=BuilderFees)


class VenueDirectory:
    """The directory of one venue. ``apply`` is the only writer; everything else reads.

    ``grouping``: of new accounts; SHARED ones are unified.
    """

    def __init__(self, grouping: MarginGrouping = MarginGrouping.SEPARATE) -> None:
        self.grouping = grouping
        self.likely_source = "b"
        """The network that the last client named, no part of the state: which signer to recover."""
        self.unsettled: set[object] = set()
        """Builder fees on their way, no part of the state: a fill's fee may not be known yet."""
        self._load(State())

    def _load(self, state: State) -> None:
        self.state = state
        self._by_row: dict[int, str] = {}
        self._spot_rows: dict[int, str] = {}
        self._subs: dict[str, list[str]] = {}
        self._running = {key: twap for key, twap in state.twaps.items() if not twap.ended_ms}
        self._running_of = Counter(twap.account for twap in self._running.values())
        for holder in state.holders.values():
            self._index(holder)

    def _index(self, holder: Holder) -> None:
        self._by_row[holder.row] = holder.address
        if holder.spot_row >= 0:
            self._spot_rows[holder.spot_row] = holder.address
        if holder.master:
            self._subs.setdefault(holder.master, []).append(holder.address)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def next_row(self) -> int:
        """The account row of the machine that the next account will have."""
        return self.state.next_row

    def holder(self, address: str) -> Holder | None:
        return self.state.holders.get(address.lower())

    def row_of(self, address: str) -> int:
        """The account row of an address, or -1."""
        found = self.state.holders.get(address.lower())
        return found.row if found else -1

    def spot_row_of(self, address: str) -> int:
        """The row whose cash is a standard account's spot USDC, or -1 for none yet."""
        found = self.state.holders.get(address.lower())
        return found.spot_row if found else -1

    def spot_balance(self, engine: Any, address: str) -> int:
        """Spot USDC of an address, micro-USD."""
        row = self.spot_row_of(address)
        return int(engine.tables["accounts"]["cash"][row]) if row >= 0 else 0

    def address_of(self, row: int) -> str:
        """The address of a row, spot rows too. Rows without an owner have one as well."""
        return self._by_row.get(row) or self._spot_rows.get(row) or system_address(row)

    def named(self, row: int) -> NamedAccount:
        address = self.address_of(row)
        holder = self.holder(address)
        return NamedAccount(row, address, address, holder.label if holder else "")

    def trading_rows(self) -> list[int]:
        return [row for row in range(FIRST_ROW, self.next_row) if row not in self._spot_rows]

    def is_spot_row(self, row: int) -> bool:
        return row in self._spot_rows

    def sub_accounts(self, master: str) -> list[Holder]:
        """In the order of creation."""
        found = self._subs.get(master.lower(), [])
        return [self.state.holders[address] for address in found]

    def agent(self, address: str, now_ms: int) -> Agent | None:
        """The agent with this key, unless it has expired."""
        found = self.state.agents.get(address.lower())
        return found if found and now_ms <= found.valid_until else None

    def agents_of(self, master: str, now_ms: int) -> list[Agent]:
        """The master's valid agents, oldest approval first; the unnamed one has an empty name."""
        wanted = master.lower()
        return [
            agent
            for agent in self.state.agents.values()
            if agent.master == wanted and now_ms <= agent.valid_until
        ]

    def is_known(self, address: str) -> bool:
        """Whether an address is an account or an agent's key, expired or not."""
        return address in self.state.holders or address in self.state.agents

    def role(self, address: str, now_ms: int) -> tuple[str, str]:
        """``user``, ``agent``, ``subAccount`` or ``missing``, and the master of the middle two."""
        found = self.holder(address)
        if found:
            return ("subAccount", found.master) if found.master else ("user", "")
        agent = self.agent(address, now_ms)
        return ("agent", agent.master) if agent else ("missing", "")

    def twaps_of(self, address: str) -> list[Twap]:
        """Every time-weighted order of an address, oldest first."""
        wanted = address.lower()
        return [twap for twap in self.state.twaps.values() if twap.address == wanted]

    def running_twaps(self) -> list[Twap]:
        """Oldest first."""
        return list(self._running.values())

    def running_twaps_of(self, account: int) -> int:
        """How many run of an account row."""
        return self._running_of[account]

    # -- checks ----------------------------------------------------------------------------------

    def who_may_act(self, signer: str, now_ms: int) -> str:
        """The account a signer acts for: its own, or the one that approved it as an agent.

        Raises Refusal with the venue's text.
        """
        found = self.holder(signer)
        if found and not found.master:
            return found.address
        agent = self.agent(signer, now_ms)
        if agent:
            return agent.master
        raise Refusal(f"User or API Wallet {signer} does not exist.")

    def acting_account(self, master: str, vault: str | None) -> Holder:
        """The account of a request: the master's own, or the sub-account ``vault``."""
        if vault is None or vault == master:
            return self.state.holders[master]
        found = self.state.holders.get(vault)
        if not found or found.master != master:
            raise Refusal(f"Vault not registered: {vault}")
        return found

    def check_nonce(self, signer: str, nonce: int, times_ms: Iterable[int]) -> None:
        """Raises Refusal for a nonce that is spent, too low, or not of this time."""
        kept = self.state.nonces.get(signer) or KeptNonces()
        kept.check(nonce, times_ms)

    def check_agent(self, master: str, address: str, name: str, now_ms: int) -> None:
        """Raises Refusal if ``master`` cannot have this agent as well."""
        state = self.state
        if address in state.agents or address in state.former_agents or self.holder(address):
            raise Refusal("Extra agent already used.")
        named = [agent for agent in self.agents_of(master, now_ms) if agent.name]
        room = NAMED_AGENTS + NAMED_AGENTS_PER_SUB_ACCOUNT * len(self.sub_accounts(master))
        if name and len(named) >= room and all(agent.name != name for agent in named):
            raise Refusal("Too many extra agents.")

    def check_builder(self, master: str, builder: str, rate: int) -> None:
        """Raises Refusal if ``master`` cannot approve this builder as well."""
        if rate > MAXIMUM_BUILDER_TENTHS:
            raise Refusal("Builder fee is too high. Max is 0.1%.")
        approved = {each for each, most in self.state.holders[master].builders.items() if most}
        if rate and len(approved | {builder}) > MAXIMUM_BUILDERS:
            raise Refusal("Too many approved builders.")

    def check_sub_account(self, master: str) -> None:
        """Raises Refusal if ``master`` has as many sub-accounts as it may."""
        if len(self._subs.get(master, [])) >= MAXIMUM_SUB_ACCOUNTS:
            raise Refusal("Too many sub-accounts.")

    # -- planning new rows -----------------------------------------------------------------------

    def new_account(
        self, engine: Any, time_ms: int, address: str, master: str = "", name: str = "",
        label: str = "", grouping: MarginGrouping | None = None, by_client: bool = True,
    ) -> tuple[Record, list[Command], int]:  # fmt: skip
        """Record, commands and row of a new account. Raises Refusal where the tables are full.

        ``grouping``: in place of that of new accounts. ``by_client``: it may not take the rows
        that are kept back for an operator.
        """
        self._check_room(engine, by_client=by_client)
        body = {"address": address, "master": master, "name": name, "label": label}
        row, parent = self.next_row, self.row_of(master) if master else NO_ACCOUNT
        commands: list[Command] = [CreateAccount(time_ms, parent)]
        if (self.grouping if grouping is None else grouping) == MarginGrouping.SHARED:
            body["abstraction"] = UNIFIED
            commands.append(SetMarginGrouping(time_ms, row, MarginGrouping.SHARED))
        return Record("account", body), commands, row

    def new_spot_row(
        self, engine: Any, time_ms: int, address: str, later: int = 0
    ) -> tuple[Record, Command, int]:
        """The same for the spot row of an address; ``later`` rows are taken before it."""
        self._check_room(engine, later)
        made = self.next_row + later
        return Record("spot", {"address": address}), CreateAccount(time_ms), made

    def _check_room(self, engine: Any, later: int = 0, by_client: bool = True) -> None:
        rows = int(engine.tables["control"]["accounts_capacity"][0])
        kept = min(_KEPT_ROWS, rows // 64) if by_client else 0
        if self.next_row + later >= rows - kept:
            raise Refusal("Too many accounts.")

    # -- writing ---------------------------------------------------------------------------------

    def apply(self, record: Record, time_ms: int) -> None:
        """Take one record. Unknown kinds are ignored, so that older logs stay readable."""
        write = getattr(self, f"_on_{record.kind}", None)
        if write is not None:
            write(record.body, time_ms)

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def restore(self, state: bytes) -> None:
        self._load(msgspec.msgpack.decode(state, type=State))

    def _take_row(self) -> int:
        row = self.state.next_row
        self.state.next_row += 1
        return row

    def _on_account(self, body: dict[str, Any], time_ms: int) -> None:
        row = self._take_row()
        holder = Holder(
            address=body["address"],
            row=row,
            master=body.get("master", ""),
            name=body.get("name", ""),
            label=body.get("label", ""),
            abstraction=body.get("abstraction", STANDARD),
            created_ms=time_ms,
        )
        self.state.holders[holder.address] = holder
        self._index(holder)

    def _on_spot(self, body: dict[str, Any], time_ms: int) -> None:
        row = self._take_row()
        holder = self.state.holders[body["address"]]
        if holder.spot_row < 0:
            holder.spot_row = row
            self._spot_rows[row] = holder.address

    def _on_nonce(self, body: dict[str, Any], time_ms: int) -> None:
        """A request was taken; ``count`` requests are charged to the user."""
        self.state.nonces.setdefault(body["signer"], KeptNonces()).spend(body["nonce"])
        holder = self.state.holders.get(body.get("user", ""))
        if holder:
            holder.requests += body.get("count", 1)
            holder.last_request_ms = time_ms

    def _on_agent(self, body: dict[str, Any], time_ms: int) -> None:
        """The new agent replaces the master's agent of the same name; address "" only removes."""
        agents = self.state.agents
        for address in [
            agent.address
            for agent in agents.values()
            if agent.master == body["master"] and agent.name == body["name"]
        ]:
            del agents[address]
            self.state.former_agents.add(address)
            if address not in self.state.holders:
                self.state.nonces.pop(address, None)
        if body["address"]:
            agents[body["address"]] = Agent(
                body["address"], body["master"], body["name"], body["valid_until"], time_ms
            )

    def _on_builder(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.holders[body["address"]].builders[body["builder"]] = body["rate"]

    def _on_builder_fees(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.builder_fees.take(body, time_ms)

    def _on_builder_unpaid(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.builder_fees.undo(body, time_ms)

    def _on_referrer(self, body: dict[str, Any], time_ms: int) -> None:
        holder = self.state.holders[body["address"]]
        holder.referrer = holder.referrer or body["code"]

    def _on_referral_code(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.holders[body["address"]].referral_code = body["code"]

    def _on_name(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.holders[body["address"]].name = body["name"]

    def _on_abstraction(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.holders[body["address"]].abstraction = body["mode"]

    def _on_reserve(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.holders[body["address"]].reserved_requests += body["weight"]

    def _on_twap(self, body: dict[str, Any], time_ms: int) -> None:
        twap = msgspec.convert(body, Twap)
        self.state.twaps[twap.twap_id] = self._running[twap.twap_id] = twap
        self._running_of[twap.account] += 1
        self.state.next_twap = twap.twap_id + 1
        if len(self.state.twaps) > _KEPT_TWAPS:
            ended = (each.twap_id for each in self.state.twaps.values() if each.ended_ms)
            self.state.twaps.pop(next(ended, 0), None)

    def _on_twap_started(self, body: dict[str, Any], time_ms: int) -> None:
        self.state.twaps[body["twap_id"]].started_ms = time_ms

    def _on_twap_slice(self, body: dict[str, Any], time_ms: int) -> None:
        twap = self.state.twaps[body["twap_id"]]
        twap.slices_sent = body["index"] + 1
        twap.executed_size = body["executed_size"]
        twap.executed_notional = body["executed_notional"]

    def _on_twap_end(self, body: dict[str, Any], time_ms: int) -> None:
        twap = self.state.twaps.get(body["twap_id"])
        if twap and not twap.ended_ms:
            twap.ended_ms = time_ms
            del self._running[twap.twap_id]
            self._running_of[twap.account] -= 1
            twap.status = body["status"]
            twap.executed_size = body.get("executed_size", twap.executed_size)
            twap.executed_notional = body.get("executed_notional", twap.executed_notional)
