"""What ``seawall vet`` is given, read and checked, and turned into a tape."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from seawall.accounts.markets import shipped_markets
from seawall.cli.vet_options import VetOptions, VetSource
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.size.fees import fee_rates
from seawall.lab.vet.book import SIZES_USD
from seawall.lab.vet.tape import Charges, Tape
from seawall.venues.registry import DEFAULT_VENUE, VENUES
from seawall.venues.rulebook_file import load_rulebook

DEFAULT_MARKET = "BTC"
DEFAULT_MOVE = "-10%"
SANDBOX_SECONDS, LIVE_SECONDS, SHOCK_SECONDS = 300, 20, 30
LEAST_SECONDS, MOST_SECONDS = 10, 3_600
MOST_SIZES = 12
HIGHEST_SEED = 2**32 - 1
Progress = Callable[[float], None]


def read_tape(
    given: str | None, source: VetSource, options: VetOptions, progress: Progress | None = None
) -> Tape:
    """The market that was asked for, watched. Raises SeawallError."""
    sizes = _sizes(options)
    _check_fits(given, source, options)
    if given is not None:
        return _recorded(Path(given), source, options, sizes)
    if source.at is not None or source.ccxt is not None:
        return _live(source, options, sizes, progress)
    return _sandbox(source, options, sizes, progress)


def _check_fits(given: str | None, source: VetSource, options: VetOptions) -> None:
    """Options that belong to another kind of source."""
    if given is not None:
        live = {"at": source.at, "ccxt": source.ccxt}
        live |= {"shock": options.shock, "seconds": options.seconds}
        for name, value in live.items():
            if value is not None:
                raise InputError(
                    f"--{name}: {value}: belongs to a running venue, not to a recording"
                )
    else:
        for name, value in (("--storm", options.storm), ("--until", options.until)):
            if value is not None:
                raise InputError(f"{name}: {value}: belongs to a recording; give its file")
    if source.venue is not None:
        quantities.choice("--venue", source.venue, tuple(VENUES))
        if source.at is None or source.ccxt is not None:
            raise InputError(f"--venue: {source.venue}: says whose API --at is; give --at URL")


def _sizes(options: VetOptions) -> tuple[float, ...]:
    if not options.size:
        return SIZES_USD
    expected = "USD from 100 to 1e9, such as 250000"
    found = {float(_plain("--size", text, 100, 1e9, expected)) for text in options.size}
    if len(found) > MOST_SIZES:
        raise InputError(f"--size: {len(found)} sizes; should be at most {MOST_SIZES}")
    return tuple(sorted(found))


def _charges(book: AnyRulebook, source: VetSource, is_assumed: bool) -> Charges:
    volume = 0
    if source.fee_volume is not None:
        expected = "USD from 0, such as 5000000"
        volume = int(_plain("--fee-volume", source.fee_volume, 0, 1e12, expected) * MICRO)
    rates = fee_rates(book, volume)
    words = f"tier {rates.tier} of the rulebook {book.name}"
    if is_assumed:
        words += "; the source tells of none, --rulebook chooses another"
    return Charges(rates.taker / RATE_ONE, rates.maker / RATE_ONE, words)


def _recorded(path: Path, source: VetSource, options: VetOptions, sizes: tuple[float, ...]) -> Tape:
    from seawall.lab.market.market_path import parse_time
    from seawall.lab.vet.recorded import RecordedOptions, recorded_tape

    storm = None
    if options.storm is not None:
        first, slash, last = options.storm.partition("/")
        if not slash:
            raise InputError(
                f"--storm: {options.storm!r} should be two times, such as "
                "2024-08-08T23:56/2024-08-08T23:57"
            )
        storm = (parse_time(first, "--storm"), parse_time(last, "--storm"))
        if storm[0] >= storm[1]:
            raise InputError(f"--storm: {options.storm}: should end after it begins")
    until = None if options.until is None else parse_time(options.until, "--until")
    charges = _charges(load_rulebook(source.rulebook or DEFAULT_VENUE), source, not source.rulebook)
    return recorded_tape(
        path,
        RecordedOptions(
            market=source.market or DEFAULT_MARKET,
            sizes=sizes,
            charges=charges,
            storm=storm,
            until_ms=until,
        ),
    )


def _seconds(options: VetOptions, usual: int) -> int:
    if options.seconds is None:
        return usual
    expected = f"whole seconds from {LEAST_SECONDS} to {MOST_SECONDS}"
    found = _plain("--seconds", options.seconds, LEAST_SECONDS, MOST_SECONDS, expected)
    if found.denominator != 1:
        raise InputError.of("", "--seconds", options.seconds, expected)
    return int(found)


def _move(text: str) -> Fraction:
    expected = "a move from -95% to 1000%, such as -10%"
    found = quantities.number("--shock", text, least=Fraction(-95, 100), most=10, expected=expected)
    if not found:
        raise InputError.of("", "--shock", text, expected)
    return found


def _ramp(options: VetOptions, seconds: int) -> Fraction:
    if options.shock_seconds is None:
        return min(Fraction(SHOCK_SECONDS), Fraction(seconds, 2))
    expected = f"seconds from 0 to the {seconds} of the storm"
    return _plain("--shock-seconds", options.shock_seconds, 0, seconds, expected)


def _withdrawn(options: VetOptions) -> float:
    expected = "a share from 0% to 100%, such as 90%"
    return float(
        quantities.number("--withdraw", options.withdraw, least=0, most=1, expected=expected)
    )


def _plain(option: str, text: str, least: float, most: float, expected: str) -> Fraction:
    return quantities.number(option, text, least=least, most=most, expected=expected, percent=False)


def _live(
    source: VetSource, options: VetOptions, sizes: tuple[float, ...], progress: Progress | None
) -> Tape:
    from seawall.lab.vet.live import BookFeed, Feed, LiveOptions, control_of, live_tape

    seconds = _seconds(options, LIVE_SECONDS)
    every = _plain("--every", options.every, 0.1, 60, "seconds from 0.1 to 60")
    move = None if options.shock is None else float(_move(options.shock))
    withdrawn = _withdrawn(options)
    if withdrawn and move is None:
        raise InputError(f"--withdraw: {options.withdraw}: belongs to a --shock")
    wished = LiveOptions(
        market=source.market or DEFAULT_MARKET,
        sizes=sizes,
        seconds=seconds,
        every_s=float(every),
        move=move,
        ramp_s=float(_ramp(options, seconds)) if move is not None else 0.0,
        withdrawn=withdrawn,
    )
    book = load_rulebook(source.rulebook or source.venue or DEFAULT_VENUE)
    charges = _charges(book, source, not source.rulebook)
    control = None if source.at is None else control_of(source.at)
    if move is not None and control is None:
        raise InputError(
            f"--shock: {options.shock}: only a sandbox can be shocked; --at should be its URL"
        )
    feed: Feed
    if source.ccxt is None:
        assert source.at is not None
        feed = BookFeed(source.at, wished.market, source.venue or DEFAULT_VENUE, charges)
        return live_tape(feed, wished, control, progress=progress)
    from seawall.lab.vet.ccxt import CcxtFeed, coin_of

    if source.market is None:
        raise InputError("--market: --ccxt needs a symbol, such as BTC/USDT:USDT")
    exchange = CcxtFeed(source.ccxt, source.market, source.at, charges)
    try:
        return live_tape(
            exchange, wished, control, progress=progress, shocked=coin_of(source.market)
        )
    finally:
        exchange.close()


def _sandbox(
    source: VetSource, options: VetOptions, sizes: tuple[float, ...], progress: Progress | None
) -> Tape:
    from seawall.lab.vet.sandbox import SandboxOptions, sandbox_tape
    from seawall.sandbox.markets import MarketChoiceError, choose_markets

    book = load_rulebook(source.rulebook or DEFAULT_VENUE)
    if not isinstance(book, Rulebook):
        raise InputError(f"--rulebook: {book.name} settles in blocks; no sandbox runs it yet")
    try:
        (market,) = choose_markets((source.market or DEFAULT_MARKET,), shipped_markets())
    except MarketChoiceError as error:
        raise InputError(f"--market: {error}") from None
    if not 0 <= options.seed <= HIGHEST_SEED:
        raise InputError(f"--seed: {options.seed} should be 0 to {HIGHEST_SEED}")
    seconds = _seconds(options, SANDBOX_SECONDS)
    return sandbox_tape(
        SandboxOptions(
            market=market,
            rulebook=book,
            venue=DEFAULT_VENUE,
            sizes=sizes,
            charges=_charges(book, source, is_assumed=False),
            seconds=seconds,
            move=float(_move(options.shock or DEFAULT_MOVE)),
            ramp_ms=int(_ramp(options, seconds) * 1000),
            withdrawn=_withdrawn(options),
            seed=options.seed,
        ),
        progress,
    )
