"""Trials: the same function for the numbers 0, 1, 2 ..., on this computer's cores or on a cluster.

A trial is ``function(task, number)``. Its result depends on the task and the number alone, and
results come back in the order of the numbers, so a run gives the same wherever each trial ran.
A worker that dies loses nothing: its trials run again. An error inside a trial is not tried again,
because it would come again.

Processes are spawned, never forked: a fork copies the locks of the compiler's threads. They need no
socket. Their results travel in files: a worker killed while it writes a long message into a pipe
leaves a piece of it there, and the reader of the pipe waits for the rest without end. A cluster is
an engine that runs already (Dask's scheduler by its address), whose workers have the same packages
installed. Anyone who can reach a scheduler can run code on it: use one that you trust.
"""

import gc
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seawall.domain.errors import InputError, SeawallError

Trial = Callable[[Any, int], Any]
Progress = Callable[[int], None]


Submit = Callable[[int], Callable[[], Any]]
"""Begins a trial; what it returns waits for the result."""
Engine = AbstractContextManager[tuple[Submit, tuple[type[BaseException], ...]]]
"""How to begin a trial, and the errors that mean that its worker is gone."""

FRUITLESS_ATTEMPTS = 3
"""Engines lost in a row without one trial finished in between: then a trial kills its worker."""
CLUSTER_SECONDS = 10
"""How long a cluster may take to answer, and then to show one worker."""


class TrialError(SeawallError):
    """A trial that failed, or workers that were lost again and again; the message says which."""


class ClusterError(InputError):
    """A cluster that cannot be used; the message says why and what would be right."""


def run_trials(
    function: Trial,
    task: Any,
    count: int,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> list[Any]:
    """The results of trials 0 to ``count`` - 1, in order, whatever ``workers`` is.

    ``function`` is importable by name; it, the task and the results can be pickled. ``workers``:
    processes, by default one per core that this process may use; with one, the trials run in this
    process. ``cluster``: the address of a Dask scheduler, instead of processes. ``progress`` is
    called with the number of finished trials. Raises TrialError, ClusterError, and InputError for
    fewer than one worker.
    """
    check_workers(workers)
    report = progress or (lambda done: None)
    workers = min(workers or usable_cores(), count)
    if cluster is None and workers <= 1:
        return _run_here(function, task, count, report)
    results: dict[int, Any] = {}
    fruitless = 0
    while len(results) < count:
        missing = [number for number in range(count) if number not in results]
        before = len(results)
        engine: Engine = (
            _processes(function, task, workers)
            if cluster is None
            else _cluster(function, task, cluster)
        )
        with engine as (submit, lost):
            _collect(submit, missing, results, lost, report)
        fruitless = fruitless + 1 if len(results) == before else 0
        if fruitless == FRUITLESS_ATTEMPTS:
            raise TrialError(
                f"workers died {fruitless} times without finishing one of the {len(missing)} "
                f"trials left (the first is {missing[0]}); out of memory? fewer workers need less"
            )
    return [results[number] for number in range(count)]


def check_workers(workers: int | None, cluster: str | None = None) -> None:
    """Raises InputError for fewer than one worker, and for any beside a cluster."""
    if workers is not None and workers < 1:
        raise InputError.of("", "workers", workers, "1 or more")
    if workers is not None and cluster is not None:
        expected = "given without workers: a cluster has its own"
        raise InputError.of("", "cluster", cluster, expected)


def usable_cores() -> int:
    """Cores that this process may use; containers and schedulers allow fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_here(function: Trial, task: Any, count: int, report: Progress) -> list[Any]:
    results = []
    for number in range(count):
        try:
            results.append(function(task, number))
        except Exception as error:
            raise _failure(number, error) from error
        report(number + 1)
    return results


def _failure(number: int, error: Exception) -> TrialError:
    return TrialError(f"trial {number}: {type(error).__name__}: {error}")


def _collect(
    submit: Submit,
    missing: Sequence[int],
    results: dict[int, Any],
    lost: tuple[type[BaseException], ...],
    report: Progress,
) -> None:
    """Run the missing trials; what a lost worker leaves undone stays missing.

    Of several failing trials the one with the lowest number is reported, wherever it ran.
    """
    waiting: dict[int, Callable[[], Any]] = {}
    try:
        for number in missing:
            waiting[number] = submit(number)
    except lost:
        pass  # The engine died while it was being fed: what it has finished still counts.
    for number, result in waiting.items():
        try:
            results[number] = result()
        except lost:
            continue
        except Exception as error:
            raise _failure(number, error) from error
        report(len(results))


@contextmanager
def _processes(
    function: Trial, task: Any, workers: int
) -> Iterator[tuple[Submit, tuple[type[BaseException], ...]]]:
    context = get_context("spawn")
    watched, lifeline = context.Pipe(duplex=False)
    with TemporaryDirectory(prefix="seawall-trials-", ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_start_worker,
            initargs=(function, task, folder, watched),
        )
        try:
            yield partial(_submitted, pool), (BrokenExecutor,)
        finally:
            # No result is needed any more, and a worker may wait for a lock that a killed one
            # held: closing this pipe ends all of them, whatever they wait for.
            lifeline.close()
            pool.shutdown(wait=True, cancel_futures=True)
            watched.close()


def _submitted(pool: ProcessPoolExecutor, number: int) -> Callable[[], Any]:
    """A trial handed to the pool, which starts a process for it where it has room."""
    with _interrupts_later():
        future = pool.submit(_run_trial, number)
    return lambda: pickle.loads(Path(future.result()).read_bytes())


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Ctrl-C waits for the end of the block.

    A process inherits what is blocked, and one that Ctrl-C reaches before its work begins, or whose
    start it cuts short in the parent, ends with a traceback.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def remember(*_: Any) -> None:
        nonlocal pressed
        pressed = True

    # The mask is inherited; the handler is for a signal that another thread receives.
    handler = signal.signal(signal.SIGINT, remember)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if pressed:
        raise KeyboardInterrupt


_work: tuple[Trial, Any, Path]


def _start_worker(function: Trial, task: Any, folder: str, watched: Connection) -> None:
    """Keep the task, so that it travels once per worker and not once per trial."""
    global _work
    _work = function, task, Path(folder)
    # Ctrl-C reaches the whole group of the terminal; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, args=(watched,), daemon=True).start()


def _die_with_parent(watched: Connection) -> None:
    """The other end closes when the parent closes it or is killed."""
    try:
        watched.recv_bytes()
    except EOFError:
        os._exit(1)


def _run_trial(number: int) -> str:
    function, task, folder = _work
    target = folder / f"{number}-{os.getpid()}"
    target.write_bytes(pickle.dumps(function(task, number), pickle.HIGHEST_PROTOCOL))
    return str(target)


@contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage is looked for in the block; afterwards as before."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage is collected in the block.

    A client that found no scheduler is closed when it is collected. Where that happens while
    another one starts, both want the lock that starting holds, and neither goes on.
    """
    gc.collect()
    with collection_paused():
        yield


@contextmanager
def _cluster(
    function: Trial, task: Any, address: str
) -> Iterator[tuple[Submit, tuple[type[BaseException], ...]]]:
    try:
        # Its functions have no types to check.
        dask: Any = import_module("distributed")
    except ImportError:
        raise ClusterError(
            f"cluster: {address}: needs Dask's distributed, which is not installed; "
            "`pip install seawall[cluster]` brings it"
        ) from None
    try:
        with _without_collection():
            client = dask.Client(address, timeout=CLUSTER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"cluster: {address}: no scheduler answers there ({reason}); give the address that "
            "`dask scheduler` prints, like tcp://127.0.0.1:8786"
        ) from None
    try:
        try:
            client.wait_for_workers(1, timeout=CLUSTER_SECONDS)
        except OSError:
            raise ClusterError(
                f"cluster: {address}: no worker in {CLUSTER_SECONDS} s: the scheduler has none, or "
                f"is gone; start one with `dask worker {address}`"
            ) from None
        there = client.scatter(task, broadcast=True, hash=False)
        executor: Executor = client.get_executor(pure=False)
        yield (
            lambda number: executor.submit(function, there, number).result,
            (dask.KilledWorker, CancelledError),
        )
    finally:
        with _without_collection():
            client.close()
