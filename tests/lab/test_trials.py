"""Trials give the same whoever runs them, and a killed worker loses none."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster

from seawall.lab.simulation.trials import ClusterError, TrialError, run_trials, usable_cores
from tests.lab import trial_functions
from tests.shared_files import ROOT
from tests.waiting import PATIENCE_S, wait_until

COUNT = 9


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are new processes: they import from where this one does."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))


def same(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(
        np.array_equal(a, b) for a, b in zip(left, right, strict=True)
    )


def expected() -> list[Any]:
    return [trial_functions.draw(7, number) for number in range(COUNT)]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_the_same(workers: int) -> None:
    told: list[int] = []
    made = run_trials(trial_functions.draw, 7, COUNT, workers=workers, progress=told.append)
    assert same(made, expected())
    assert told == list(range(1, COUNT + 1))


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    run_trials(trial_functions.record_and_wait, str(tmp_path), 2, workers=1)
    assert (tmp_path / "trial_0").read_text() == f"{os.getpid()}\n"
    assert run_trials(trial_functions.draw, 7, 0) == []
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    with pytest.raises(ValueError, match="workers: 0 should be 1 or more"):
        run_trials(trial_functions.draw, 7, 2, workers=0)


def test_a_killed_worker_loses_no_trial(tmp_path: Path) -> None:
    def kill() -> None:
        waiting = tmp_path / "trial_3"
        wait_until(lambda: waiting.exists() and waiting.read_text())
        os.kill(int(waiting.read_text().split()[0]), signal.SIGKILL)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    made = run_trials(trial_functions.record_and_wait, str(tmp_path), COUNT, workers=2)
    killer.join()
    assert [number for number, _ in made] == list(range(COUNT))
    assert same([numbers for _, numbers in made], expected())
    attempts = [len((tmp_path / f"trial_{n}").read_text().split()) for n in range(COUNT)]
    assert attempts[3] == 2
    # What was finished before the kill is not done again.
    assert attempts[0] == 1


def test_a_trial_that_always_kills_is_given_up() -> None:
    with pytest.raises(TrialError, match=r"died 3 times .*the first is 1\b"):
        run_trials(trial_functions.die_at_one, None, 3, workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_inside_a_trial_is_reported_once(tmp_path: Path, workers: int) -> None:
    with pytest.raises(TrialError, match="trial 2: ZeroDivisionError: the fault of 2"):
        run_trials(trial_functions.fail_at_two, str(tmp_path), 6, workers=workers)
    assert (tmp_path / "attempt_2").read_text() == "x"


def run_in_a_process(folder: Path) -> subprocess.Popen[bytes]:
    # Whoever started the tests in the background may have left Ctrl-C ignored.
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from seawall.lab.simulation.trials import run_trials\n"
        "from tests.lab.trial_functions import wait_for_ever\n"
        f"run_trials(wait_for_ever, {str(folder)!r}, 2, workers=2)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_run(tmp_path: Path, how: signal.Signals) -> None:
    files = [tmp_path / "worker_0", tmp_path / "worker_1"]
    with run_in_a_process(tmp_path) as parent:
        try:
            wait_until(lambda: all(f.exists() and f.read_text() for f in files))
            workers = [int(f.read_text()) for f in files]
            assert all(is_alive(pid) for pid in workers)
        finally:
            parent.send_signal(how)
            try:
                status = parent.wait(PATIENCE_S)
            finally:
                parent.kill()
        assert status != 0
    wait_until(lambda: not any(is_alive(pid) for pid in workers))


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dask scheduler and two workers on loopback, as a user would have started them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
        patch.chdir(tmp_path_factory.mktemp("cluster"))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, silence_logs=40,
        ) as cluster:  # fmt: skip
            yield cluster.scheduler_address


def test_a_cluster_gives_the_same(scheduler: str) -> None:
    told: list[int] = []
    made = run_trials(trial_functions.draw, 7, COUNT, cluster=scheduler, progress=told.append)
    assert same(made, expected())
    assert told == list(range(1, COUNT + 1))


def test_a_killed_worker_of_a_cluster_loses_no_trial(scheduler: str, tmp_path: Path) -> None:
    def kill() -> None:
        waiting = tmp_path / "trial_3"
        wait_until(lambda: waiting.exists() and waiting.read_text())
        os.kill(int(waiting.read_text().split()[0]), signal.SIGKILL)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    made = run_trials(trial_functions.record_and_wait, str(tmp_path), COUNT, cluster=scheduler)
    killer.join()
    assert same([numbers for _, numbers in made], expected())


def test_an_error_on_a_cluster_is_reported_once(scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="trial 2: ZeroDivisionError: the fault of 2"):
        run_trials(trial_functions.fail_at_two, str(tmp_path), 6, cluster=scheduler)
    assert (tmp_path / "attempt_2").read_text() == "x"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "udp://127.0.0.1:9", ""])
def test_no_cluster_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seawall.lab.simulation.trials.CLUSTER_SECONDS", 1)
    with pytest.raises(ClusterError, match="no scheduler answers there"):
        run_trials(trial_functions.draw, 7, 2, cluster=address)


def test_a_cluster_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install seawall\[cluster\]"):
        run_trials(trial_functions.draw, 7, 2, cluster="tcp://127.0.0.1:9")
