"""``seawall vet``: how good a venue is in calm and in storm."""

from seawall.cli.params import Outputs
from seawall.cli.run import refuse
from seawall.cli.vet_inputs import read_tape
from seawall.cli.vet_options import VetOptions, VetSource
from seawall.domain.errors import SeawallError
from seawall.report.deliver import check_outputs, deliver


def vet(
    recording: str | None = None,
    /,
    *,
    source: VetSource = VetSource(),  # noqa: B008 (frozen)
    options: VetOptions = VetOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """How good a venue is: spread, depth, slippage, resilience and costs, in calm and in storm.

    Reads a recorded book, watches a running sandbox (under a shock if wished) or a real venue
    through ccxt. Without arguments: a sandbox with its agents runs here, through a shock of -10 %.
    Exit status 2 for input that cannot be used.

    Parameters
    ----------
    recording
        A recorded book with trades: parquet of changes, or lines of JSON (also gzip).
    """
    from rich.console import Console

    console = Console(stderr=True, quiet=outputs.json_)
    try:
        check_outputs(outputs.options())
        with console.status("watching the market") as status:
            tape = read_tape(
                recording,
                source,
                options,
                lambda done: status.update(f"watching the market: {done:.0%}"),
            )
        from seawall.lab.vet.findings import vet_findings

        deliver(vet_findings(tape), outputs.options())
    except SeawallError as error:
        refuse("vet", str(error))
