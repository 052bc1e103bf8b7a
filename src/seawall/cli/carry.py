"""``seawall carry``: what holding a position costs, and the price that pays for it."""

import sys
from typing import NoReturn

from seawall.cli.account_input import REFUSALS, Refused
from seawall.cli.book_input import BOOK_REFUSALS
from seawall.cli.carry_inputs import CarryOptions, read_account_carry, read_carry
from seawall.cli.output import OutputError, check_outputs, deliver
from seawall.cli.size_options import MarketSource, Outputs
from seawall.lab.findings import Findings
from seawall.lab.valuation import ValuationError

BAD_INPUT = 2
DEFAULT_MARKET = "BTC"
_LONGEST_ERROR = 600
_REFUSED: tuple[type[Exception], ...] = (*REFUSALS, *BOOK_REFUSALS, OutputError)


def carry(
    market: str | None = None,
    /,
    *,
    options: CarryOptions = CarryOptions(),  # noqa: B008 (frozen)
    source: MarketSource = MarketSource(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """What it costs to hold a position, and the price at which leaving it is flat.

    Fees, slippage and funding over the holding time; how funding eats an isolated bucket and moves
    its liquidation price. Without arguments: 100,000 USD of BTC, long at 10x for 30 days. With
    --account: every bucket of the account. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    market
        The market, BTC if not given.
    """
    try:
        check_outputs(outputs.options())
        findings = _found(market, options, source)
        deliver(findings, outputs.options())
    except _REFUSED as error:
        _refuse(str(error))


def _found(market: str | None, options: CarryOptions, source: MarketSource) -> Findings:
    if source.account is not None:
        if market is not None:
            raise Refused(f"MARKET: {market}: an --account shows all its positions; leave it out")
        return _of_account(options, source)
    from seawall.lab.carry_findings import carry_findings
    from seawall.lab.carry_outcome import carry as carried

    inputs = read_carry(market or DEFAULT_MARKET, source, options)
    return carry_findings(inputs.task, carried(inputs.task), inputs.about, inputs.assumptions)


def _of_account(options: CarryOptions, source: MarketSource) -> Findings:
    from seawall.lab.carry_account import account_carry
    from seawall.lab.carry_account_findings import account_findings

    given, valuation, rates, hours = read_account_carry(source, options)
    try:
        found = account_carry(valuation, rates, hours)
    except ValuationError as error:
        raise Refused(f"{given.sketch.source}: {error}") from None
    is_told = given.funding and not options.funding
    told = "rates as told by the venue" if is_told else "constant rates"
    about = f"{given.source}; {told}; rules of {given.book.name} as of {given.book.as_of}"
    return account_findings(found, given.sketch.name, about, ())


def _refuse(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"seawall carry: {line[:_LONGEST_ERROR]}", file=sys.stderr)
    raise SystemExit(BAD_INPUT)
