"""``seawall deleveraging``: who pays when the insurance is empty, under every policy."""

from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.deleveraging_options import (
    DeleveragingOptions,
    OwnWinner,
)
from seawall.cli.params import Outputs
from seawall.cli.run import refuse
from seawall.domain.errors import SeawallError
from seawall.report.deliver import check_outputs, deliver

if TYPE_CHECKING:
    from seawall.report.findings import Findings


def deleveraging(
    waves: Path | None = None,
    /,
    *,
    options: DeleveragingOptions = DeleveragingOptions(),  # noqa: B008 (frozen)
    own: OwnWinner = OwnWinner(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Deleveraging policies side by side: what each takes from winners, and from whom.

    Rank queue, rotating offset, pro-rata of contracts, profit, equity and notional, risk-aware
    pro-rata: budget, overshoot, largest haircut, who pays. Without arguments: a built-in wave. Exit
    status 2 for input that cannot be used.

    Parameters
    ----------
    waves
        A file of waves (JSON or parquet), or the folder of the recorded day.
    """

    try:
        check_outputs(outputs.options())
        deliver(_findings(waves, options, own), outputs.options())
    except SeawallError as error:
        refuse("deleveraging", str(error))


def _findings(path: Path | None, options: DeleveragingOptions, own: OwnWinner) -> "Findings":
    """Raises InputError, WaveError."""
    from seawall.lab.deleveraging.comparison import compare_policies
    from seawall.lab.deleveraging.findings import deleveraging_findings
    from seawall.lab.deleveraging.recorded import (
        is_recorded_day,
        read_recorded_day,
        stand_in_waves,
    )
    from seawall.lab.deleveraging.recorded_findings import STAND_INS, recorded_sections
    from seawall.lab.deleveraging.synthetic import synthetic_wave
    from seawall.lab.deleveraging.wave_file import read_waves

    terms = options.terms()
    own.check()
    if path is None:
        found, source = [synthetic_wave(options.seed)], "the built-in wave"
    elif is_recorded_day(path):
        day = read_recorded_day(path)
        judged = own.placed(options.chosen(stand_in_waves(day, options.seed)))
        results = compare_policies(judged, terms)
        sections = [] if options.wave or own.is_given else recorded_sections(day, results)
        return deleveraging_findings(
            results, terms, f"the recorded day, {path}", options.seed, sections, STAND_INS
        )
    else:
        found, source = read_waves(path), str(path)
    results = compare_policies(own.placed(options.chosen(found)), terms)
    return deleveraging_findings(results, terms, source, options.seed)
