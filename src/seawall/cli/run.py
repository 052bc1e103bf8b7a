"""How every command of the lab runs: outputs checked first, progress shown, one way to end.

Exit status 0 with the findings delivered, 1 where they are delivered but money was not conserved in
a simulation, 2 for input that cannot be used.
"""

import sys
from collections.abc import Callable
from typing import NoReturn

from seawall.cli.params import Outputs
from seawall.domain.errors import SeawallError
from seawall.report.findings import Answer
from seawall.report.progress import Progress

NOT_CONSERVED = 1
BAD_INPUT = 2
_LONGEST = 600
OPTIONS = {
    "betas": "beta",
    "crises": "crisis",
    "depths": "depth",
    "leverages": "leverage",
    "mechanisms": "mechanism",
    "modes": "mode",
    "only": "wave",
    "oracles": "oracle",
    "prices": "price",
    "rulebooks": "rulebook",
    "presets": "preset",
    "scenarios": "scenario",
    "shocks": "shock",
    "sizes": "size",
}
"""What the library takes several of, by name, and the option that is given once for each."""


def run(command: str, outputs: Outputs, compute: Callable[[Progress], Answer]) -> None:
    """Compute the answer and deliver it. ``compute`` is given where to show progress."""
    from seawall.report.deliver import check_outputs, deliver
    from seawall.report.progress import on_terminal

    try:
        check_outputs(outputs.options())
        with on_terminal(quiet=outputs.json_) as progress:
            answer = compute(progress)
            findings = answer.findings()
        deliver(findings, outputs.options())
    except SeawallError as error:
        refuse(command, as_option(error))
    if not answer.is_conserved:
        raise SystemExit(NOT_CONSERVED)


def as_option(error: SeawallError) -> str:
    """The message; a field that the library names is called as the option that sets it."""
    field, message = getattr(error, "field", ""), str(error)
    if field.isidentifier() and message.startswith(f"{field}: "):
        return "--" + OPTIONS.get(field, field).replace("_", "-") + message[len(field) :]
    return message


def refuse(command: str, message: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    line = " ".join(message.split())
    print(f"seawall {command}: {line[:_LONGEST]}", file=sys.stderr)
    raise SystemExit(BAD_INPUT)
