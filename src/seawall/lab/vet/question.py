"""What may be asked about a venue, and the market that is watched for it."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

from msgspec import Struct

from seawall.accounts.markets import shipped_markets
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.size.fees import fee_rates
from seawall.lab.vet.book import SIZES_USD
from seawall.lab.vet.measures import PhaseFigures, phase_figures
from seawall.lab.vet.resilience import Recovery, recovery_of
from seawall.lab.vet.tape import PHASES, Charges, Tape
from seawall.lab.vet.verdict import Verdict, verdict_of
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent
from seawall.venues.registry import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_file import load_rulebook

DEFAULT_MARKET = "BTC"
DEFAULT_MOVE = "-10%"
SANDBOX_SECONDS, LIVE_SECONDS, SHOCK_SECONDS = 300, 20, 30
LEAST_SECONDS, MOST_SECONDS = 10, 3_600
MOST_SIZES = 12
HIGHEST_SEED = 2**32 - 1
WATCHING = "watching the market"


class VetOptions(Struct, frozen=True, kw_only=True):
    """The keywords of ``vet``."""

    market: str | None
    at: str | None
    venue: str | None
    ccxt: str | None
    rulebook: str | None
    fee_volume: Amount
    sizes: Iterable[Amount]
    shock: Amount | None
    shock_seconds: Amount | None
    withdraw: Amount
    seconds: Amount | None
    every: Amount
    storm: str | None
    until: str | None
    seed: int


class VetResult(Answer, frozen=True, kw_only=True):
    """A market that was watched, and what it showed in each phase."""

    tape: Tape
    phases: tuple[PhaseFigures, ...]
    recovery: Recovery | None
    verdict: Verdict

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
    fee_volume: Amount = 0,
    sizes: Amount | Iterable[Amount] = SIZES_USD,
    shock: Amount | None = None,
    shock_seconds: Amount | None = None,
    withdraw: Amount = 0,
    seconds: Amount | None = None,
    every: Amount = 1,
    storm: str | None = None,
    until: str | None = None,
    seed: int = 1,
    progress: Progress = silent,
) -> VetResult:
    """Measure how good a venue is, in calm and in a storm.

    Of a recorded book, a running sandbox or venue (``at``: its base URL; ``venue``: whose API that
    is), an exchange (``ccxt``: by its ccxt name), or without any of them a sandbox that runs here.
    ``rulebook``: whose fees are paid, at a ``fee_volume`` in USD. ``sizes``: USD of market orders.
    ``shock``: the move of the storm, such as ``"-10%"`` or -0.1, which takes ``shock_seconds``.
    ``withdraw``: the share of their depth that makers take away. ``seconds``: of each of calm,
    storm and after. ``every``: seconds between two looks. ``storm`` (FROM/TO) and ``until``: UTC
    times of a recording. Raises SeawallError naming what cannot be used.
    """
    options = VetOptions(
        market=market, at=at, venue=venue, ccxt=ccxt, rulebook=rulebook, fee_volume=fee_volume,
        sizes=quantities.several(sizes), shock=shock, shock_seconds=shock_seconds,
        withdraw=withdraw, seconds=seconds, every=every, storm=storm, until=until, seed=seed,
    )  # fmt: skip
    asked = _Asked(options, progress)
    asked.check_fits(recording)
    if recording is not None:
        return result_of(asked.recorded(Path(recording)))
    if options.at is not None or options.ccxt is not None:
        return result_of(asked.live())
    return result_of(asked.sandbox())


def result_of(tape: Tape) -> VetResult:
    """What a tape shows."""
    phases = tuple(phase_figures(tape, name) for name in PHASES if tape.phases.get(name))
    recovery = recovery_of(tape)
    size = tape.shown[len(tape.shown) // 2]
    verdict = verdict_of(phases, recovery, size, tape.shock is not None)
    return VetResult(tape=tape, phases=phases, recovery=recovery, verdict=verdict)


class _Asked:
    """The options, read."""

    def __init__(self, options: VetOptions, progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.market = options.market or DEFAULT_MARKET
        expected = "USD from 100 to 1e9, such as 250000"
        found = {_plain("sizes", each, 100, 1e9, expected) for each in options.sizes}
        if len(found) > MOST_SIZES:
            raise InputError.of("", "sizes", f"{len(found)} sizes", f"at most {MOST_SIZES}")
        self.sizes = tuple(sorted(map(float, found))) or SIZES_USD
        expected = "a share from 0% to 100%, such as 90%"
        self.withdrawn = float(
            quantities.number("withdraw", options.withdraw, least=0, most=1, expected=expected)
        )

    def check_fits(self, recording: str | Path | None) -> None:
        """Options that belong to another kind of source. Raises InputError."""
        options = self.options
        to = "a recording; give its file"
        names: tuple[str, ...] = ("storm", "until")
        if recording is not None:
            to = "a running venue, not to a recording"
            names = ("at", "ccxt", "shock", "seconds")
        for name in names:
            value = getattr(options, name)
            if value is not None:
                raise _belongs(name, value, to)
        if options.venue is not None:
            quantities.choice("venue", options.venue, tuple(VENUES))
            if options.at is None or options.ccxt is not None:
                raise _belongs("venue", options.venue, "a venue's API; give --at URL")

    def charges(self, book: AnyRulebook, *, is_assumed: bool) -> Charges:
        expected = "USD from 0, such as 5000000"
        volume = _plain("fee_volume", self.options.fee_volume, 0, 1e12, expected)
        rates = fee_rates(book, int(volume * MICRO))
        text = f"tier {rates.tier} of the rulebook {book.name}"
        if is_assumed:
            text += "; the source does not say them, --rulebook chooses others"
        return Charges(rates.taker / RATE_ONE, rates.maker / RATE_ONE, text)

    def recorded(self, path: Path) -> Tape:
        from seawall.lab.market.market_path import parse_time
        from seawall.lab.vet.recorded import RecordedOptions, recorded_tape

        options, storm = self.options, None
        if options.storm is not None:
            first, slash, last = options.storm.partition("/")
            if not slash:
                expected = "two times, such as 2024-08-08T23:56/2024-08-08T23:57"
                raise InputError.of("", "storm", options.storm, expected)
            storm = (parse_time(first, "--storm"), parse_time(last, "--storm"))
            if storm[0] >= storm[1]:
                expected = "two times, the later one last"
                raise InputError.of("", "storm", options.storm, expected)
        until = None if options.until is None else parse_time(options.until, "--until")
        book = load_rulebook(options.rulebook or DEFAULT_VENUE)
        charges = self.charges(book, is_assumed=not options.rulebook)
        self.progress(WATCHING)
        return recorded_tape(
            path,
            RecordedOptions(
                market=self.market, sizes=self.sizes, charges=charges, storm=storm, until_ms=until
            ),
        )

    def seconds(self, usual: int) -> int:
        value = self.options.seconds
        expected = f"whole seconds from {LEAST_SECONDS} to {MOST_SECONDS}"
        found = _plain(
            "seconds", usual if value is None else value, LEAST_SECONDS, MOST_SECONDS, expected
        )
        if found.denominator != 1:
            raise InputError.of("", "seconds", value, expected)
        return int(found)

    def move(self, value: Amount) -> float:
        expected = "a move from -95% to 1000%, such as -10%"
        least = Fraction(-95, 100)
        found = quantities.number("shock", value, least=least, most=10, expected=expected)
        if not found:
            raise InputError.of("", "shock", value, expected)
        return float(found)

    def ramp(self, seconds: int) -> Fraction:
        """Seconds that the move takes."""
        value = self.options.shock_seconds
        if value is None:
            return min(Fraction(SHOCK_SECONDS), Fraction(seconds, 2))
        expected = f"seconds from 0 to the {seconds} of the storm"
        return _plain("shock_seconds", value, 0, seconds, expected)

    def share_done(self) -> Callable[[float], None]:
        return lambda share: self.progress(WATCHING, round(100 * share), 100)

    def live(self) -> Tape:
        from seawall.lab.vet.live import BookFeed, LiveOptions, control_of, live_tape

        options = self.options
        seconds = self.seconds(LIVE_SECONDS)
        every = _plain("every", options.every, 0.1, 60, "seconds from 0.1 to 60")
        move = None if options.shock is None else self.move(options.shock)
        if self.withdrawn and move is None:
            raise _belongs("withdraw", options.withdraw, "a --shock")
        wanted = LiveOptions(
            market=self.market,
            sizes=self.sizes,
            seconds=seconds,
            every_s=float(every),
            move=move,
            ramp_s=float(self.ramp(seconds)) if move is not None else 0.0,
            withdrawn=self.withdrawn,
        )
        book = load_rulebook(options.rulebook or options.venue or DEFAULT_VENUE)
        charges = self.charges(book, is_assumed=not options.rulebook)
        control = None if options.at is None else control_of(options.at)
        if move is not None and control is None:
            raise _belongs("shock", options.shock, "a sandbox; --at should be the URL of one")
        if options.ccxt is None:
            assert options.at is not None
            feed = BookFeed(options.at, self.market, options.venue or DEFAULT_VENUE, charges)
            return live_tape(feed, wanted, control, progress=self.share_done())
        from seawall.lab.vet.ccxt import CcxtFeed, coin_of

        if options.market is None:
            expected = "a symbol of the exchange, such as BTC/USDT:USDT"
            raise InputError.of("", "market", None, expected)
        exchange = CcxtFeed(options.ccxt, options.market, options.at, charges)
        try:
            coin = coin_of(options.market)
            return live_tape(exchange, wanted, control, progress=self.share_done(), shocked=coin)
        finally:
            exchange.close()

    def sandbox(self) -> Tape:
        from seawall.lab.vet.sandbox import SandboxOptions, sandbox_tape
        from seawall.sandbox.markets import MarketChoiceError, choose_markets

        options = self.options
        book = load_rulebook(options.rulebook or DEFAULT_VENUE)
        if not isinstance(book, Rulebook):
            expected = "a rulebook that does not settle in blocks: no sandbox runs those yet"
            raise InputError.of("", "rulebook", book.name, expected)
        try:
            (market,) = choose_markets((self.market,), shipped_markets())
        except MarketChoiceError as error:
            raise InputError(f"--market: {error}") from None
        if not 0 <= options.seed <= HIGHEST_SEED:
            raise InputError.of("", "seed", options.seed, f"0 to {HIGHEST_SEED}")
        seconds = self.seconds(SANDBOX_SECONDS)
        return sandbox_tape(
            SandboxOptions(
                market=market,
                rulebook=book,
                venue=DEFAULT_VENUE,
                sizes=self.sizes,
                charges=self.charges(book, is_assumed=False),
                seconds=seconds,
                move=self.move(options.shock or DEFAULT_MOVE),
                ramp_ms=int(self.ramp(seconds) * 1000),
                withdrawn=self.withdrawn,
                seed=options.seed,
            ),
            self.share_done(),
        )


def _plain(field: str, value: Amount, least: float, most: float, expected: str) -> Fraction:
    return quantities.number(
        field, value, least=least, most=most, expected=expected, percent=False
    )  # fmt: skip


def _belongs(field: str, value: object, to: str) -> InputError:
    """The error of an option that another kind of source has."""
    error = InputError(f"{field}: {value!r} belongs to {to}")
    error.field, error.value = field, value
    return error
