"""``seawall compare-rules``: one journal under two rulebooks, and where they part."""

from pathlib import Path

from seawall.cli.params import Outputs, Texts
from seawall.cli.run import run
from seawall.domain.errors import InputError
from seawall.venues.registry import DEFAULT_VENUE, VENUES

_OTHER_VENUE = next(venue for venue in VENUES if venue != DEFAULT_VENUE)


def compare_rules(
    journal: Path,
    /,
    *,
    left: str = DEFAULT_VENUE,
    right: str = _OTHER_VENUE,
    account: Texts = None,
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Run one journal under two rulebooks: the first difference, and what is left on each side.

    Commands that a rulebook does not offer are rejected there, which is a difference like any
    other. Exit status 2 for input that cannot be used.

    Parameters
    ----------
    journal
        A journal, as `seawall rehearse --journal FILE` writes it.
    left
        A shipped rulebook by name, or a rulebook file.
    right
        The other one.
    account
        The number of an account to compare; may be given several times. `all`, as without it,
        compares every account.
    """
    from seawall.lab.compare_rules import compare_rules as compared

    run(
        "compare-rules",
        outputs,
        lambda progress: compared(
            journal, left, right, accounts=_accounts(account or []), progress=progress
        ),
    )


def _accounts(texts: list[str]) -> list[int]:
    """The numbers that were asked for; none for all."""
    if "all" in texts:
        return []
    for text in texts:
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise InputError.of("", "--account", text, "the number of an account, or all")
    return [int(text) for text in texts]
