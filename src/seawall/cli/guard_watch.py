"""``seawall guard watch`` and ``watchdog``: a guard seen from another process."""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from seawall.cli.guard_run import Alerting, say
from seawall.cli.params import Outputs
from seawall.cli.run import as_option, refuse, run
from seawall.domain.errors import SeawallError
from seawall.domain.quantities import number
from seawall.report.findings import Answer
from seawall.report.progress import Progress

if TYPE_CHECKING:
    from seawall.guard.actions import Alert
    from seawall.guard.notify import Notifier
    from seawall.guard.watchdog import Watchdog

FRAME_S = 1.0
_OTHER_SCREEN, _BACK, _CLEAR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H\x1b[2J"


def watch(
    journal: Path,
    /,
    *,
    once: Annotated[bool, Parameter(negative="")] = False,
    outputs: Outputs = Outputs(),  # noqa: B008 (frozen)
) -> None:
    """Show what a running guard sees and would do next, every second, until Ctrl-C.

    It reads files beside the journal and asks no venue. Where there is no terminal, or with an
    output option, it shows one frame. Exit status 0, 2 for input that cannot be used.

    Parameters
    ----------
    journal
        The journal of the guard.
    once
        Show one frame and end.
    """

    def framed(_: Progress) -> Answer:
        from seawall.guard.watch import watch_frame

        return watch_frame(journal, time.time_ns() // 1_000_000)

    is_file = outputs.json_ or outputs.report is not None or outputs.parquet is not None
    if once or is_file or not sys.stdout.isatty():
        run("guard watch", outputs, framed)
        return
    _live(journal)


def watchdog(
    journal: Path,
    /,
    *,
    silence: str = "15",
    alerting: Alerting = Alerting(),  # noqa: B008 (frozen)
) -> None:
    """Say when a guard stops, hangs or can decide nothing, and when it is back; until Ctrl-C.

    A process of its own, which needs no key and asks no venue. Exit status 0, 2 for input that
    cannot be used.

    Parameters
    ----------
    journal
        The journal of the guard.
    silence
        Seconds after which a guard that does not come round is said to hang.
    """
    from seawall.guard.watchdog import Watchdog

    try:
        expected = "seconds from 5 to 3600, such as 15"
        least = number("silence", silence, least=5, most=3600, expected=expected, percent=False)
        notifier = alerting.notifier(watchdog=str(journal))

        def hear(alert: "Alert") -> None:
            say(f"{alert.level}: {alert.text}")
            notifier.hear(alert)

        dog = Watchdog(journal, hear, int(1000 * least))
    except SeawallError as error:
        refuse("guard watchdog", as_option(error))
    with suppress(KeyboardInterrupt):
        asyncio.run(_look_on(dog, notifier, journal))


async def _look_on(dog: "Watchdog", notifier: "Notifier", journal: Path) -> None:
    say(f"watching the guard of {journal}: {dog.look(time.time_ns() // 1_000_000).text}")
    sending = asyncio.create_task(notifier.run())
    try:
        while True:
            dog.look(time.time_ns() // 1_000_000)
            await asyncio.sleep(FRAME_S)
    finally:
        sending.cancel()
        # What it has not sent is put back first.
        await asyncio.gather(sending, return_exceptions=True)
        await notifier.flush()


def _live(journal: Path) -> None:
    from seawall.guard.watch import watch_frame

    sys.stdout.write(_OTHER_SCREEN)
    message = ""
    try:
        while True:
            frame = watch_frame(journal, time.time_ns() // 1_000_000)
            sys.stdout.write(_CLEAR)
            frame.show()
            sys.stdout.flush()
            time.sleep(FRAME_S)
    except KeyboardInterrupt:
        pass
    except SeawallError as error:
        message = str(error)
    finally:
        sys.stdout.write(_BACK)
        sys.stdout.flush()
    if message:
        refuse("guard watch", message)
