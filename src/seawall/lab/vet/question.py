"""What may be asked about a venue, and the market that is watched for it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.rulebook import AnyRulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import Assume, Assumptions, assumptions_of
from seawall.lab.market.fees import fee_rates
from seawall.lab.market.market_path import parse_time
from seawall.lab.size.market import with_fee_volume
from seawall.lab.vet.book import SIZES_USD
from seawall.lab.vet.measures import PhaseFigures, phase_figures
from seawall.lab.vet.resilience import Recovery, recovery_of
from seawall.lab.vet.tape import PHASES, Charges, Tape, Watch
from seawall.lab.vet.verdict import Verdict, verdict_of
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent
from seawall.venues.key_source import key_error
from seawall.venues.registry import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_file import load_rulebook

DEFAULT_MARKET = "BTC"
DEFAULT_EVERY = 1
DEFAULT_SEED = 1
DEFAULT_MOVE = "-10%"
SANDBOX_SECONDS, LIVE_SECONDS, SHOCK_SECONDS = 300, 20, 30
LEAST_SECONDS, MOST_SECONDS = 10, 3_600
MOST_SIZES = 12
MOST_ORDERS = 500
WATCHING = "watching the market"

if TYPE_CHECKING:
    from seawall.lab.vet.latency import Latency


class VetResult(Answer, frozen=True, kw_only=True):
    """A market that was watched, and what it showed in each phase. ``latency``: None where no
    orders were sent."""

    tape: Tape
    phases: tuple[PhaseFigures, ...]
    recovery: Recovery | None
    verdict: Verdict
    used: Used | None = None
    """What was read of the assumptions, where the question read them."""
    latency: "Latency | None" = None

    def findings(self) -> Findings:
        from seawall.lab.vet.sheets import vet_findings

        return vet_findings(self)


def vet(
    recording: str | Path | None = None,
    *,
    market: str | None = None,
    at: str | None = None,
    venue: str | None = None,
    ccxt: str | None = None,
    rulebook: str | None = None,
    fee_volume: Amount | None = None,
    sizes: Amount | Iterable[Amount] = SIZES_USD,
    shock: Amount | None = None,
    shock_seconds: Amount | None = None,
    withdraw: Amount = 0,
    seconds: Amount | None = None,
    every: Amount | None = None,
    storm: str | None = None,
    until: str | None = None,
    seed: int | None = None,
    assume: Assume = None,
    latency: Amount | None = None,
    key: str | None = None,
    progress: Progress = silent,
) -> VetResult:
    """Measure how good a venue is, in calm and in a storm.

    Of a recorded book, a running sandbox or venue (``at``: its base URL; ``venue``: whose API that
    is), an exchange (``ccxt``: by its ccxt name), or without any of them a sandbox that runs here.
    ``rulebook``: whose fees are paid, at a ``fee_volume`` in USD. ``sizes``: USD of market orders.
    ``shock``: the move of the storm, such as ``"-10%"`` or -0.1, over ``shock_seconds``, with the
    share ``withdraw`` of the makers' depth away. ``seconds``: of each of calm, storm and after.
    ``every``: seconds between two looks. ``storm`` (FROM/TO) and ``until``: UTC times of a
    recording. ``seed``: of the sandbox that runs here. ``assume``: a file that changes the
    assumptions. ``latency``: how many orders measure it, where money is not real; ``key``: where
    the private key for a test network is, ``env:NAME`` or ``file:PATH``. Raises SeawallError.
    """
    if recording is not None:
        _only("a running venue, not to a recording", at=at, ccxt=ccxt, shock=shock, seconds=seconds)
    else:
        _only("a recording; give its file", storm=storm, until=until)
    _check_venue(venue, has_api=at is not None and ccxt is None)
    is_here = recording is None and at is None and ccxt is None
    if is_here or recording is not None:
        _only("a running venue; give --at URL", every=every)
    if not is_here:
        _only("the built-in sandbox", seed=seed)
    every = DEFAULT_EVERY if every is None else every
    shock = DEFAULT_MOVE if shock is None and is_here else shock
    withdrawn = _number("withdraw", withdraw, 0, 1, "a share from 0% to 100%, such as 90%")
    if shock is None:
        _only("a --shock", withdraw=withdraw if withdrawn else None, shock_seconds=shock_seconds)
    length = _seconds(seconds, SANDBOX_SECONDS if is_here else LIVE_SECONDS)
    rules, assumed = _rules(rulebook or venue, assume, fee_volume)
    watch = Watch(
        market=market or ("" if ccxt else DEFAULT_MARKET),
        sizes=_sizes(sizes),
        charges=_charges(rules, assumed, is_assumed=rulebook is None and not is_here),
        seconds=length,
        every_s=_number("every", every, 0.1, 60, "seconds from 0.1 to 60", percent=False),
        move=None if shock is None else _move(shock),
        ramp_s=_ramp(shock_seconds, length),
        withdrawn=withdrawn,
        storm=None if storm is None else _storm(storm),
        until_ms=None if until is None else parse_time(until, "--until"),
        seed=DEFAULT_SEED if seed is None else seed,
    )
    sent = _orders(latency, key, is_running=recording is None and ccxt is None)
    times = None if sent is None else _latency(sent, at, venue, watch.market, key, progress)
    tape = _tape(watch, rules, recording, at, venue, ccxt, progress)
    found = result_of(tape, Used(assumptions=assumed, leverages={}, books=(rules,)))
    return structs.replace(found, latency=times)


def _rules(
    name: str | None, assume: Assume, fee_volume: Amount | None
) -> tuple[AnyRulebook, Assumptions]:
    """Whose fees are paid, and what is assumed. Raises InputError."""
    rules = load_rulebook(name or DEFAULT_VENUE)
    return rules, with_fee_volume(assumptions_of(assume), fee_volume)


def _check_venue(venue: str | None, *, has_api: bool) -> None:
    """Raises InputError."""
    if not has_api:
        _only("a venue's API; give --at URL", venue=venue)
    elif venue is not None:
        quantities.choice("venue", venue, tuple(VENUES))


def _latency(
    count: int,
    at: str | None,
    venue: str | None,
    market: str,
    key: str | None,
    progress: Progress,
) -> "Latency":
    from seawall.lab.vet.latency import order_latency

    progress("sending orders")
    return order_latency(at, venue or DEFAULT_VENUE, market, key, count)


def _orders(latency: Amount | None, key: str | None, *, is_running: bool) -> int | None:
    """How many orders are sent. Raises InputError."""
    if latency is None:
        if key is not None:
            raise key_error("belongs to a latency")
        return None
    if not is_running:
        _only("a sandbox or a test network; give --at URL", latency=latency)
    expected = f"a whole number of orders from 1 to {MOST_ORDERS}, such as 50"
    found = _number("latency", latency, 1, MOST_ORDERS, expected, percent=False)
    if not found.is_integer():
        raise InputError.of("", "latency", latency, expected)
    return int(found)


def result_of(tape: Tape, used: Used | None = None) -> VetResult:
    """What a tape shows."""
    phases = tuple(phase_figures(tape, name) for name in PHASES if tape.phases.get(name))
    recovery = recovery_of(tape)
    size = tape.shown[len(tape.shown) // 2]
    verdict = verdict_of(phases, recovery, size, tape.shock is not None)
    return VetResult(tape=tape, phases=phases, recovery=recovery, verdict=verdict, used=used)


def _tape(
    watch: Watch,
    rules: AnyRulebook,
    recording: str | Path | None,
    at: str | None,
    venue: str | None,
    ccxt: str | None,
    progress: Progress,
) -> Tape:
    """The market as its source shows it: a recording, a running venue, or a sandbox run here."""

    def done(share: float) -> None:
        progress(WATCHING, round(100 * share), 100)

    if recording is not None:
        from seawall.lab.vet.recorded import recorded_tape

        progress(WATCHING)
        return recorded_tape(Path(recording), watch)
    if at is not None or ccxt is not None:
        from seawall.lab.vet.live import running_tape

        return running_tape(watch, at, venue or DEFAULT_VENUE, ccxt, done)
    from seawall.lab.vet.sandbox import sandbox_tape

    return sandbox_tape(watch, rules, done)


def _only(to: str, **options: object) -> None:
    """Options that belong to another kind of source. Raises InputError."""
    for field, value in options.items():
        if value is not None:
            error = InputError(f"{field}: {value!r} belongs to {to}")
            error.field, error.value = field, value
            raise error


def _number(
    field: str, value: Amount, least: float, most: float, expected: str, *, percent: bool = True
) -> float:
    found = quantities.number(
        field, value, least=least, most=most, expected=expected, percent=percent
    )
    return float(found)


def _sizes(sizes: Amount | Iterable[Amount]) -> tuple[float, ...]:
    expected = "USD from 100 to 1e9, such as 250000"
    given = quantities.several(sizes)
    found = {_number("sizes", each, 100, 1e9, expected, percent=False) for each in given}
    if len(found) > MOST_SIZES:
        raise InputError.of("", "sizes", f"{len(found)} sizes", f"at most {MOST_SIZES}")
    return tuple(sorted(found)) or SIZES_USD


def _charges(rules: AnyRulebook, assumed: Assumptions, *, is_assumed: bool) -> Charges:
    rates = fee_rates(rules, round(assumed.shared("fee_volume") * MICRO))
    text = f"tier {rates.tier} of the rulebook {rules.name}"
    if is_assumed:
        text += "; the source does not say them, --rulebook chooses others"
    return Charges(rates.taker / RATE_ONE, rates.maker / RATE_ONE, text)


def _seconds(seconds: Amount | None, usual: int) -> int:
    expected = f"whole seconds from {LEAST_SECONDS} to {MOST_SECONDS}"
    value = usual if seconds is None else seconds
    found = _number("seconds", value, LEAST_SECONDS, MOST_SECONDS, expected, percent=False)
    if not found.is_integer():
        raise InputError.of("", "seconds", value, expected)
    return int(found)


def _move(shock: Amount) -> float:
    expected = "a move from -95% to 1000%, such as -10%"
    found = _number("shock", shock, -0.95, 10, expected)
    if not found:
        raise InputError.of("", "shock", shock, expected)
    return found


def _ramp(value: Amount | None, seconds: int) -> float:
    """Seconds that the move takes."""
    if value is None:
        return min(SHOCK_SECONDS, seconds / 2)
    expected = f"seconds from 0 to the {seconds} of the storm"
    return _number("shock_seconds", value, 0, seconds, expected, percent=False)


def _storm(text: str) -> tuple[int, int]:
    first, slash, last = text.partition("/")
    if not slash:
        expected = "two times, such as 2024-08-08T23:56/2024-08-08T23:57"
        raise InputError.of("", "storm", text, expected)
    storm = (parse_time(first, "--storm"), parse_time(last, "--storm"))
    if storm[0] >= storm[1]:
        raise InputError.of("", "storm", text, "two times, the later one last")
    return storm
