"""Worker processes of the tests, and what their logs say."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from counterfoil.engine import Engine
from engine.support import running
from engine.worker import FUNCTIONS, STEPS

WORKER: Final = Path(__file__).with_name("worker.py")


class Line(NamedTuple):
    """What a worker wrote: a body or a step was entered or left."""

    word: str
    run: str
    key: str
    n: int
    pid: int
    at: float  # seconds


@dataclass
class Workers:
    """Starts workers on one database; kills what is left at the end."""

    database: str
    log: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    _lines: list[Line] = field(default_factory=list)
    _read: int = 0

    def launch(self, version: str = "test", places: int = 50, **environment: str) -> subprocess.Popen[str]:
        """Start one with so many places for runs of each queue, without waiting for it."""
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), self.database, version, str(self.log), str(places)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.started.append(worker)
        return worker

    def start(self, version: str = "test", places: int = 50, **environment: str) -> subprocess.Popen[str]:
        """Start one and wait until it works."""
        worker = self.launch(version, places, **environment)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        return worker

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.started:
            worker.kill()
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()

    def lines(self) -> list[Line]:
        """Give what was logged, in order."""
        if self.log.exists():
            with self.log.open() as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind("\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                word, run, key, n, pid, at = line.split()
                self._lines.append(Line(word, run, key, int(n), int(pid), int(at) / 1e9))
        return self._lines

    def words(self) -> list[str]:
        """Give the first words of the lines."""
        return [line.word for line in self.lines()]

    def pids(self) -> set[int]:
        """Give the processes that have worked."""
        return {line.pid for line in self.lines()}

    def runs(self) -> set[str]:
        """Give the runs that were at work."""
        return {line.run for line in self.lines()}

    def dead(self) -> set[int]:
        """Give the processes that have ended."""
        return {worker.pid for worker in self.started if worker.poll() is not None}

    def at_work(self) -> list[subprocess.Popen[str]]:
        """Give the live processes that are inside a run."""
        inside: Counter[int] = Counter()
        for line in self.lines():
            inside[line.pid] += {"enter": 1, "leave": -1}.get(line.word, 0)
        return [worker for worker in self.started if inside[worker.pid] > 0 and worker.poll() is None]

    def overlaps(self) -> list[str]:
        """Give the keys of which two runs were at work at once.

        A run is at work in its body and in each step, which may outlast a cancelled body. A killed process is at work
        no more.
        """
        inside: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
        dead, last = self.dead(), {line.pid: index for index, line in enumerate(self.lines())}
        found = []
        for index, (word, run, key, _, pid, _) in enumerate(self.lines()):
            part = "enter" if word == "leave" else word.removesuffix("-done")
            if part != word:
                inside[key].discard((part, run, pid))
                continue
            if any(r != run and not (p in dead and last[p] < index) for _, r, p in inside[key]):
                found.append(key)
            inside[key].add((part, run, pid))
        return found

    def disorder(self) -> list[str]:
        """Give the keys whose runs did not begin in the order of their numbers."""
        first: dict[str, list[int]] = defaultdict(list)
        for line in self.lines():
            if line.word == "enter" and line.n not in first[line.key]:
                first[line.key].append(line.n)
        return [key for key, order in first.items() if order != sorted(order)]

    def repeats(self) -> list[Line]:
        """Give the steps that were entered again."""
        return [line for line, _ in self._entered_again()]

    def doubled(self) -> list[Line]:
        """Give the steps that were entered again although no process had died at them: their results were kept."""
        dead = self.dead()
        return [line for line, before in self._entered_again() if before.word != line.word or before.pid not in dead]

    def _entered_again(self) -> list[tuple[Line, Line]]:
        """Give each repeated step with the step that its run had entered last."""
        last: dict[str, Line] = {}
        seen: set[tuple[str, str]] = set()
        found = []
        for line in self.lines():
            if line.word in STEPS:
                if (line.run, line.word) in seen:
                    found.append((line, last[line.run]))
                seen.add((line.run, line.word))
                last[line.run] = line
        return found


@asynccontextmanager
async def outside(database: str, log: Path, version: str = "test") -> AsyncIterator[tuple[Engine[None], Workers]]:
    """Give an engine that only sends, and worker processes to come."""
    async with running(FUNCTIONS, database, worker=False, app_version=version) as sender:
        with Workers(database, log) as workers:
            yield sender, workers
