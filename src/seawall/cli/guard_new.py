"""``seawall guard new``: a policy made of five answers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.run import as_option, refuse
from seawall.domain.errors import InputError, SeawallError

if TYPE_CHECKING:
    from seawall.guard.new_policy import Question


def new(
    file: Path,
    /,
    *,
    risk_capital: str | None = None,
    loss: str | None = None,
    leverage: str | None = None,
    stop: str | None = None,
    top_up: str | None = None,
) -> None:
    """Write a policy made of five answers; what no option says is asked.

    It is a beginning that `seawall guard lint` has nothing against. Exit status 0, 2 for input that
    cannot be used, and for a file that is there already.

    Parameters
    ----------
    file
        The policy file (TOML) to write; the policy is called after it.
    risk_capital
        USD that the account may risk in all.
    loss
        Loss from the peak, as a share of that, at which everything is closed, such as 25%.
    leverage
        The largest leverage of all positions together, up to 20.
    stop
        How far from its entry each position has a stop, such as 8%.
    top_up
        USD in all that may be added to isolated positions in danger; 0 for none.
    """
    from seawall.guard.new_policy import QUESTIONS, write_policy

    given = {
        "risk_capital": risk_capital, "loss": loss, "leverage": leverage, "stop": stop,
        "top_up": top_up,
    }  # fmt: skip
    try:
        if file.exists():
            raise InputError(f"{file}: is there already")
        for each in QUESTIONS:
            if (answer := given[each.field]) is not None:
                each.read(each.field, answer)
        answers = {each.field: given[each.field] or _asked(each) for each in QUESTIONS}
        write_policy(file, answers)
    except SeawallError as error:
        refuse("guard new", as_option(error))
    print(f"{file} is written; check it for your account: seawall guard lint {file} ACCOUNT")


def _asked(question: "Question") -> str:
    """The answer of a person, asked again until it can be used."""
    if not sys.stdin.isatty():
        option = "--" + question.field.replace("_", "-")
        raise InputError(f"{option}: is missing, and there is no terminal to ask at")
    while True:
        try:
            answer = input(f"{question.text} [{question.example}] ").strip() or question.example
        except EOFError:
            raise InputError(f"{question.field}: no answer") from None
        try:
            question.read(question.field, answer)
        except InputError as error:
            print(error)
        else:
            return answer
