"""``seawall carry``: what holding a position costs, and the price that pays for it."""

from seawall.cli.carry_inputs import CarryOptions, read_account_carry, read_carry
from seawall.cli.params import Outputs
from seawall.cli.run import refuse
from seawall.cli.size_options import MarketSource
from seawall.domain.errors import InputError, SeawallError
from seawall.lab.simulation.valuation import ValuationError
from seawall.lab.size.defaults import default_funding
from seawall.report.deliver import check_outputs, deliver
from seawall.report.findings import Findings

DEFAULT_MARKET = "BTC"


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
    except SeawallError as error:
        refuse("carry", str(error))


def _found(market: str | None, options: CarryOptions, source: MarketSource) -> Findings:
    if source.account is not None:
        if market is not None:
            raise InputError(
                f"MARKET: {market}: an --account shows all its positions; leave it out"
            )
        return _of_account(options, source)
    from seawall.lab.carry.findings import carry_findings
    from seawall.lab.carry.outcome import carry as carried

    inputs = read_carry(market or DEFAULT_MARKET, source, options)
    return carry_findings(inputs.task, carried(inputs.task), inputs.about, inputs.assumptions)


def _of_account(options: CarryOptions, source: MarketSource) -> Findings:
    from seawall.lab.carry.account import account_carry
    from seawall.lab.carry.account_findings import account_findings

    account, valuation, rates, hours = read_account_carry(source, options)
    try:
        found = account_carry(valuation, rates, hours)
    except ValuationError as error:
        raise InputError(f"{account.source}: {error}") from None
    is_told = account.funding and not options.funding
    told = "rates as told by the venue" if is_told else "constant rates"
    about = (
        f"{account.source}; {told}; rules of {account.rulebook.name} as of {account.rulebook.as_of}"
    )
    said = {text.rpartition("=")[0] for text in options.funding or ()}
    silent = [
        each.name for each in account.instruments if each.name not in {*said, *account.funding}
    ]
    assumed = []
    if silent and "" not in said:
        usual = float(100 * default_funding(account.rulebook))
        assumed.append(
            f"Nobody says what funding is now in {', '.join(silent)}: longs pay the interest of "
            f"the rules, {usual:.3g} % an hour. --funding sets other rates."
        )
    return account_findings(found, account.name, about, assumed)
