"""``seawall options``: perpetuals and options of an account in one portfolio margin."""

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from seawall.cli.params import MarketSource, Outputs, SignedText, SignedTexts, Texts, given
from seawall.cli.run import run
from seawall.report.findings import Answer
from seawall.report.progress import Progress


@Parameter(name="*")
@dataclass(frozen=True)
class OptionsOptions:
    """Which presets, which moment, and what may happen to the account."""

    preset: Texts = None
    """A preset that ships, or a preset file; may be given several times. All that ship if none."""
    surface: Path | None = None
    """A file of option quotes, for options that say no volatility."""
    time: str | None = None
    """The moment now, UTC; without it that of the account file, else of the quotes."""
    days: str | None = None
    """How far to look; until the last expiry."""
    deleveraged_after: SignedText = None
    """How far the price goes in favour of a perpetual before it is deleveraged; 10%."""
    funding: SignedTexts = None
    """Funding rate an hour that longs pay, for all markets or as BTC=0.00002."""


def options(
    account: str,
    /,
    *,
    options: OptionsOptions = OptionsOptions(),
    source: MarketSource = MarketSource(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Margin perpetuals and options of an account as one portfolio, and see what liquidates it.

    Requirement and liquidation prices under every preset, each leg for itself and pooled; margin
    over the hedge; liquidation over price and volatility; a deleveraged perpetual; funding and
    expiry over time. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML) with positions and options, a venue's own account state, or an
        address.
    """
    asked = given(options)
    presets = asked.pop("preset", ())

    def compute(_: Progress) -> Answer:
        from seawall.accounts.load import load_account
        from seawall.lab.options import options as question

        held = load_account(account, source.options())
        return question(held, presets=presets, **asked, assume=source.assume)

    run("options", outputs, compute)
