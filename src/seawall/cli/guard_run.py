"""``seawall guard run``, ``stop`` and ``reset``: a guard of a running account, until Ctrl-C."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import Parameter

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.quantities import number
from seawall.report.kinds import duration

if TYPE_CHECKING:
    from seawall.guard.notify import Notifier
    from seawall.guard.running import Running

FAILED = 1
Flag = Annotated[bool, Parameter(negative="")]
TAKEN_S = 20.0
"""How long a command waits for a running guard to take what it asks."""


@Parameter(name="*")
@dataclass(frozen=True)
class Alerting:
    """Where alerts go, beside the terminal."""

    webhook: str | None = None
    """A URL that is given alerts as JSON by POST."""
    command: str | None = None
    """A program with its arguments that is given the same on standard input."""
    interval: str = "10"
    """Seconds from one message to the next; alerts in between are one message."""

    def notifier(self, **about: str) -> "Notifier":
        """Raises InputError."""
        from seawall.guard.notify import Notifier

        expected = "seconds from 0 to 86400, such as 10"
        seconds = number(
            "interval", self.interval, least=0, most=86_400, expected=expected, percent=False
        )
        return Notifier(self.webhook or "", self.command or "", about, float(seconds), complain)


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Where the account is."""

    at: str | None = None
    """URL of a running sandbox, where it is not at its usual address."""
    network: str | None = None
    """The network by its name, of the venue itself; without it a sandbox."""
    real_money: Flag = False
    """Allow the network where real money is; the policy must say `real_money = true` too."""


@Parameter(name="*")
@dataclass(frozen=True)
class Acting:
    """With what it acts, and what is allowed for this run."""

    key: str | None = None
    """Where the key of an agent is that may trade for the account, or that of the account where
    there are no agents: `env:NAME`, or `file:PATH` with rights for its owner only."""
    owner_key: str | None = None
    """The same of the account's own key, which only top-ups from its wallet need."""
    arm: Flag = False
    """Act. Without it there is nothing with which to trade."""
    fire_at_once: Flag = False
    """Arm though steps would fire at once; for this run."""
    ignore_disagreement: Flag = False
    """Act though margins differ from the venue's; for this run."""

    def check(self) -> None:
        """Raises InputError."""
        from seawall.venues.key_source import key_text

        for option, source in (("--key", self.key), ("--owner-key", self.owner_key)):
            try:
                if source is not None:
                    key_text(source)
            except InputError as error:
                raise InputError(f"{option}: {str(error).removeprefix('key: ')}") from None
        if self.arm and self.key is None:
            raise InputError("--arm: needs --key, the key of an agent that may trade")


def run(
    policy: Path,
    address: str,
    /,
    *,
    place: Place = Place(),
    acting: Acting = Acting(),
    journal: Path | None = None,
    alerting: Alerting = Alerting(),
) -> None:
    """Guard a running account by a policy, until Ctrl-C or `seawall guard stop`.

    Without `--arm` nothing is sent: it says what it would do. Exit status 0 when it was stopped, 1
    where it is not armed because steps would fire at once, or where it has failed, 2 for input that
    cannot be used.

    Parameters
    ----------
    policy
        A policy file (TOML); see `seawall guard lint`.
    address
        The account, as the venue knows it.
    journal
        The file that holds every decision and outcome, of one account; without it one in this
        folder, called after the policy and the account.
    """
    try:
        running = _made(policy, address, place, acting, journal, alerting)
    except SeawallError as error:
        refuse("guard run", as_option(error).replace("--url: ", "--at: "))
    _run_until_ended(running)


def _made(
    policy: Path, address: str, place: Place, acting: Acting, journal: Path | None,
    alerting: Alerting,
) -> "Running":  # fmt: skip
    from seawall.guard.assess import IGNORE_DISAGREEMENT
    from seawall.guard.policy_file import load_policy
    from seawall.guard.running import Run, Running

    made = load_policy(policy)
    acting.check()
    asked = Run(
        policy=made,
        address=address,
        at=place.at or "",
        network=place.network or "",
        real_money=place.real_money,
        key=acting.key or "",
        owner_key=acting.owner_key or "",
        arm=acting.arm,
        fire_at_once=acting.fire_at_once,
        overrides=(IGNORE_DISAGREEMENT,) if acting.ignore_disagreement else (),
        journal=journal or Path(f"{policy.stem}-{address[:10]}.journal"),
    )
    return Running(asked, alerting.notifier(policy=made.name, account=address), say)


def _run_until_ended(running: "Running") -> None:
    from seawall.guard.running import NotArmed

    async def guarded() -> str:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, running.end, "stopped by a signal")
        return await running.guard()

    try:
        why = asyncio.run(guarded())
    except NotArmed as error:
        print(f"seawall guard run: not armed: {error}", file=sys.stderr)
        for each in error.due:
            print(f"  {each.what}, {each.where}: {each.why}", file=sys.stderr)
        raise SystemExit(FAILED) from None
    except SeawallError as error:
        print(f"seawall guard run: the guard has ended: {error}", file=sys.stderr)
        raise SystemExit(FAILED) from None
    say(f"ended: {why}")


def stop(journal: Path, /) -> None:
    """Stop the guard that runs on a journal; its orders that rest at the venue stay there.

    Exit status 0 once it has ended, 1 where it does not end, 2 where none runs.

    Parameters
    ----------
    journal
        The journal of the guard.
    """
    from seawall.guard.requests import STOP, Request, ask, is_held

    try:
        if not is_held(journal):
            raise InputError(f"{journal}: no guard runs on it")
        ask(journal, Request(STOP))
    except SeawallError as error:
        refuse("guard stop", str(error))
    if not _waited(lambda: not is_held(journal)):
        _failed("guard stop", f"the guard has not ended within {duration(TAKEN_S)}")
    print("stopped")


def reset(journal: Path, name: str, /) -> None:
    """Reset what has latched, by its name: a limit, a step, or the guard itself.

    A running guard does it within a second; one that does not run, when it starts. Exit status 0
    when it is taken or left for the next start, 1 where a running guard does not take it, 2 for
    input that cannot be used.

    Parameters
    ----------
    journal
        The journal of the guard.
    name
        The name of a step, of a limit (`drawdown from peak`, `drawdown from day start`), or
        `guard` for one that has stopped.
    """
    from seawall.guard.requests import RESET, Request, ask, asked, is_held, opened_of

    try:
        opened_of(journal)
        is_running = is_held(journal)
        _check_name(journal, name)
        ask(journal, Request(RESET, name))
    except SeawallError as error:
        refuse("guard reset", str(error))
    if not is_running:
        print(f"{name}: will be reset when the guard starts")
        return
    if not _waited(lambda: not asked(journal)):
        _failed("guard reset", f"the guard has not taken it within {duration(TAKEN_S)}")
    print(f"{name}: taken; the guard says what became of it")


def _check_name(journal: Path, name: str) -> None:
    """Raises InputError for a name that is nothing's in the policy of the last run."""
    from seawall.guard.decide import GUARD
    from seawall.guard.drawdown import FROM_DAY_START, FROM_PEAK
    from seawall.guard.status import read_status

    status = read_status(journal)
    if status is not None:
        known = [GUARD, FROM_PEAK, FROM_DAY_START, *(each.name for each in status.policy.steps)]
        if name not in known:
            raise InputError.of("", "name", name, " or ".join(known))


def _waited(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + TAKEN_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _failed(command: str, text: str) -> NoReturn:
    print(f"seawall {command}: {text}", file=sys.stderr)
    raise SystemExit(FAILED)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}", flush=True)


def complain(text: str) -> None:
    print(f"seawall guard: {text}", file=sys.stderr, flush=True)
