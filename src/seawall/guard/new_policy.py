"""A policy made of five answers: a beginning that lint has nothing against."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from seawall.domain.errors import InputError
from seawall.domain.units import MICRO, PPM
from seawall.guard.lint import lint
from seawall.guard.policy_file import leverage, parse_policy, share, usd, usd_or_none
from seawall.report.kinds import typed_percent

MOST_LEVERAGE = 20 * PPM
_RATE = PPM // 40
"""The maintenance rate of a market that allows a leverage of 20; smaller in larger markets."""
_CEILING = 9 * PPM // 10
"""The ladder lies between the margin ratio at full leverage and this one."""


class Question(NamedTuple):
    """One question. ``read``: gives the value of an answer, or raises InputError."""

    field: str
    text: str
    example: str
    read: Callable[[str, object], int]


def _leverage(field: str, value: object) -> int:
    found = leverage(field, value)
    if found > MOST_LEVERAGE:
        raise InputError.of("", field, value, "a leverage above 0 and up to 20, such as 3")
    return found


QUESTIONS = (
    Question("risk_capital", "How many USD may this account risk in all?", "2000", usd),
    Question(
        "loss", "At which loss from its peak, as a share of that, is everything closed?", "25%",
        share(),
    ),
    Question(
        "leverage", "What is the largest leverage of all positions together, up to 20?", "3",
        _leverage,
    ),
    Question("stop", "How far from its entry does each position have a stop?", "8%", share()),
    Question(
        "top_up", "How many USD in all may be added to isolated positions in danger, 0 for none?",
        "0", usd_or_none,
    ),
)  # fmt: skip
"""In the order in which they are asked."""


def new_policy(name: str, answers: Mapping[str, str]) -> str:
    """The text of a policy file. Raises InputError naming the answer that cannot be used."""
    value = {each.field: each.read(each.field, answers[each.field]) for each in QUESTIONS}
    capital, top_up = value["risk_capital"], value["top_up"]
    if 2 * top_up > capital:
        expected = f"at most half of the risk capital, {capital // 2 // MICRO}"
        raise InputError.of("", "top_up", answers["top_up"], expected)
    text = _text(name, answers, value)
    made = parse_policy(text, "the new policy")
    mistakes = [f"{each.rule}: {each.text}" for each in lint(made)]
    assert not mistakes, mistakes
    return text


def write_policy(path: Path, answers: Mapping[str, str]) -> None:
    """Write a new policy file, called after it. Raises InputError, also for one that exists."""
    text = new_policy(path.stem, answers)
    try:
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _text(name: str, answers: Mapping[str, str], value: Mapping[str, int]) -> str:
    start = max(PPM // 10, min(6 * PPM // 10, _RATE * value["leverage"] // PPM))

    def level(part: int) -> str:
        """Between the margin ratio at full leverage and the ceiling, in tenths of a percent."""
        found = start + (_CEILING - start) * part // 100
        return typed_percent(found // 1000 * 1000 / PPM)

    calm = level(7)
    parts = [
        _HEAD.format(
            name=name.replace('"', "'"),
            capital=answers["risk_capital"],
            buffer=value["risk_capital"] // 10 // MICRO,
            leverage=str(answers["leverage"]).removesuffix("x"),
            peak=typed_percent(value["loss"] / PPM),
            day=typed_percent(value["loss"] // 2 / PPM),
        ),
        _step("look", "alert", level(15), calm),
        _step("no entries", "cancel_entries", level(30), calm),
    ]
    if value["top_up"]:
        each = max(1, value["top_up"] // 4 // MICRO)
        more = (
            f'on = "isolated"\namount = {each}\nmax_count = 4\nmax_total = {answers["top_up"]}\n'
            'min_move = "0.5%"\nverify_after = "30s"\n'
        )
        parts.append(_step("add", "top_up", level(38), calm, more))
    more = 'share = "34%"\ncooldown = "30m"\n'
    parts += [
        _step("third out", "close", level(45), calm, more),
        _step("out", "flatten", level(70), calm, 'verify_after = "30s"\n'),
        _TAIL.format(stop=typed_percent(value["stop"] / PPM)),
    ]
    return "\n".join(parts)


def _step(name: str, action: str, trigger: str, rearm: str, more: str = "") -> str:
    return (
        f'[[step]]\nname = "{name}"\naction = "{action}"\ntrigger = "{trigger}"\n'
        f'rearm = "{rearm}"\n{more}'
    )


_HEAD = """\
# Made by `seawall guard new`. Check it with `seawall guard lint`, for the account too.

name = "{name}"

[account]
risk_capital = {capital}
margin_buffer = {buffer}
max_leverage = {leverage}

# Closes everything and stays latched until it is reset by name.
[drawdown]
from_peak = "{peak}"
from_day_start = "{day}"

# The ladder, on maintenance margin over equity: liquidation begins above 100%.
"""
_TAIL = """\
[[stop]]
name = "stop"
distance = "{stop}"

[hands]
during_cooldown = "graceful_stop"
"""
