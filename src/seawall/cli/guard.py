"""``seawall guard``: the policy of an account, checked before it is needed."""

from pathlib import Path

from cyclopts import App

from seawall.cli.params import Outputs, SourceOptions, Texts, given
from seawall.cli.run import run
from seawall.domain.errors import InputError
from seawall.report.findings import Answer
from seawall.report.progress import Progress

guard = App(
    name="guard", help="Protect an account by a policy that was decided before: check it, test it."
)

MISTAKES = 1
for _name in ("run", "stop", "reset"):
    guard.command(f"seawall.cli.guard_run:{_name}", name=_name)
guard.command("seawall.cli.guard_explain:explain", name="explain")
guard.command("seawall.cli.guard_new:new", name="new")
guard.command("seawall.cli.guard_test:test", name="test")
guard.command("seawall.cli.guard_watch:watch", name="watch")
guard.command("seawall.cli.guard_watch:watchdog", name="watchdog")


@guard.command
def lint(
    policy: Path,
    account: str | None = None,
    /,
    *,
    depth: Texts = None,
    source: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Check a policy, alone or for an account, and say what would fire at once.

    Nothing is sent anywhere. Exit status 0 without a mistake, 1 where there is one or a step would
    act at once, 2 for input that cannot be used.

    Parameters
    ----------
    policy
        A policy file (TOML).
    account
        An account file (TOML, or a venue's own account state as .json), or an address.
    depth
        USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000).
    """
    from seawall.guard.check import PolicyCheck, check_policy

    found: list[PolicyCheck] = []

    def compute(progress: Progress) -> Answer:
        from seawall.accounts.load import load_account

        if source.assume is not None:
            expected = "left out: nothing is assumed of markets here, --depth says their books"
            raise InputError.of("", "assume", str(source.assume), expected)
        held = None if account is None else load_account(account, source.options())
        for name, value in given(source).items() if held is None else ():
            raise InputError.of("", name, value, "given with an account")
        found.append(check_policy(policy, held, depth or ()))
        return found[0]

    run("guard lint", outputs, compute)
    if not found[0].is_clean:
        raise SystemExit(MISTAKES)
