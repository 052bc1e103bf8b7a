"""Functions for trials: workers find them by import."""

import os
import signal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.waiting import wait_until


def draw(task: int, number: int) -> NDArray[np.float64]:
    """Numbers that depend on the task and the number of the trial alone."""
    return np.random.default_rng([task, number]).standard_normal(5)


def record_and_wait(folder: str, number: int) -> tuple[int, NDArray[np.float64]]:
    """Leave a file with the worker's process id; trial 3 waits until a file ``go`` is there."""
    place = Path(folder)
    with (place / f"trial_{number}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if number == 3:
        wait_until((place / "go").exists)
    return number, draw(7, number)


def fail_at_two(folder: str, number: int) -> int:
    """Trials 2 and 4 raise; every attempt leaves a line."""
    with (Path(folder) / f"attempt_{number}").open("a") as file:
        file.write("x")
    if number in (2, 4):
        raise ZeroDivisionError(f"the fault of {number}")
    return number


def die_at_one(task: None, number: int) -> int:
    """Trial 1 kills whoever runs it, every time."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_for_ever(folder: str, number: int) -> None:
    """Until killed; leaves a file with the process id."""
    (Path(folder) / f"worker_{number}").write_text(str(os.getpid()))
    while True:
        signal.pause()
