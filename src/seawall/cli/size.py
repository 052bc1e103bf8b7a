"""``seawall size``: how large a position may be, and at which leverage."""

from seawall.cli.params import Outputs
from seawall.cli.run import refuse
from seawall.cli.size_inputs import SizeOptions, read_size
from seawall.cli.size_options import MarketSource
from seawall.domain.errors import SeawallError
from seawall.report.deliver import OutputError, check_outputs, deliver


def size(
    market: str = "BTC",
    /,
    *,
    options: SizeOptions = SizeOptions(),  # noqa: B008 (frozen)
    source: MarketSource = MarketSource(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """How large a position may be when you are wrong, and at which leverage to hold it.

    Walks a book, calm and stressed, adds fees and funding, and finds the largest size whose loss at
    the stop stays within a budget and whose liquidation lies beyond the stop. Without arguments: a
    long position in BTC, 100,000 USD of equity, an assumed book. Exit status 2 for input that
    cannot be used.

    Parameters
    ----------
    market
        The market, BTC if not given.
    """
    try:
        check_outputs(outputs.options())
        inputs = read_size(market, source, options)
    except SeawallError as error:
        refuse("size", str(error))
    from seawall.lab.size.advice import advise
    from seawall.lab.size.findings import size_findings

    advice = advise(inputs.task)
    findings = size_findings(inputs.task, advice, inputs.about, inputs.assumptions)
    try:
        deliver(findings, outputs.options())
    except OutputError as error:
        refuse("size", str(error))
