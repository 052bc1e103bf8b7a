"""``seawall paths``: what many random futures do to an account, and at which leverage it lives."""

import math
from typing import TYPE_CHECKING

from seawall.cli.params import Outputs, SourceOptions
from seawall.cli.paths_inputs import (
    ModelWishes,
    Request,
    RunWishes,
    read_request,
    share_of,
)
from seawall.cli.paths_progress import running
from seawall.cli.run import refuse
from seawall.domain.errors import InputError, SeawallError
from seawall.report.deliver import check_outputs, deliver

if TYPE_CHECKING:
    from seawall.lab.paths.findings import PathsResult
    from seawall.lab.paths.setup import Runner

DEFAULT_LEVERAGES = "2,3,5,7,10,15,20"
MOST_LEVERAGES = 40
HIGHEST_LEVERAGE = 1000.0


def paths(
    account: str | None = None,
    /,
    *,
    leverage: str = DEFAULT_LEVERAGES,
    ruin: str | None = None,
    run: RunWishes = RunWishes(),  # noqa: B008 (frozen)
    model: ModelWishes = ModelWishes(),  # noqa: B008 (frozen)
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Walk an account along many random price paths: how often it is liquidated, what it loses.

    Prices diffuse together, jump together and have calm and wild days; liquidation happens inside
    the path by the venue's rules, in part where they say so. Without arguments: a built-in account
    over a week. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    leverage
        Leverages of the survival curve, notional over equity of the whole account; none for none.
    ruin
        A probability such as 1%: find the leverage that keeps liquidation under it.
    """
    try:
        check_outputs(outputs.options())
        axis = leverages(leverage)
        accepted = None if ruin is None else accepted_ruin(ruin)
        request = read_request(account, source, model, run)
        with running(run, quiet=outputs.json_) as runner:
            result = _simulate(request, runner, axis, accepted)
        from seawall.lab.paths.findings import paths_findings

        deliver(paths_findings(result, request.account.source), outputs.options())
    except SeawallError as error:
        refuse("paths", str(error))


def _simulate(
    request: Request, runner: "Runner", axis: list[float], accepted: float | None
) -> "PathsResult":
    """Raises InputError, ClusterError, TrialError."""
    from seawall.lab.paths.findings import PathsResult
    from seawall.lab.paths.kernels.simulate import margin_fan
    from seawall.lab.paths.leverage import (
        LeveragePoint,
        leverage_curve,
        leverage_now,
        ruin_leverage,
    )
    from seawall.lab.paths.survival import coarseness, first_liquidation, losses, survival_of

    setup = request.setup
    task = setup.task(setup.account(setup.plan))
    outcomes = runner.outcomes(task, "the account as it is")
    notes = list(request.notes)
    curve: list[LeveragePoint] = []
    missing: list[str] = []
    found = now = None
    try:
        now = leverage_now(setup, setup.plan)
    except InputError as error:
        notes.append(f"no survival over leverage: {error}")
    if now is not None and axis:
        curve, missing = leverage_curve(setup, setup.plan, axis, runner)
    if now is not None and accepted is not None:
        found = ruin_leverage(setup, setup.plan, accepted, runner)
    return PathsResult(
        setup=setup,
        survival=survival_of(task, outcomes),
        losses=losses(task, outcomes),
        first=first_liquidation(outcomes),
        leverage=now,
        coarse=coarseness(task),
        fan=margin_fan(task),
        curve=curve,
        missing=missing,
        ruin=found,
        model=request.model,
        notes=notes,
        assumptions=request.assumptions,
    )


def leverages(text: str) -> list[float]:
    """The axis of the survival curve. Raises InputError."""
    if text.strip() == "none":
        return []
    found = []
    for part in text.split(","):
        try:
            value = float(part.strip().removesuffix("x"))
        except ValueError:
            value = math.nan
        if not 0 < value <= HIGHEST_LEVERAGE:
            raise InputError(
                f"--leverage: {part.strip()!r} should be a number above 0 and up to "
                f"{HIGHEST_LEVERAGE:g}, several with commas as in {DEFAULT_LEVERAGES}"
            )
        found.append(value)
    if len(found) > MOST_LEVERAGES:
        raise InputError(f"--leverage: {len(found)} leverages; at most {MOST_LEVERAGES}")
    return found


def accepted_ruin(text: str) -> float:
    """A probability. Raises InputError."""
    value = share_of(text)
    if value is None or not 0 < value < 1:
        raise InputError(f"--ruin: {text!r} should be percent between 0% and 100%, such as 1%")
    return value
