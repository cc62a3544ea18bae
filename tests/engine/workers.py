"""Worker processes of the tests, and what their logs say."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")


@dataclass
class Workers:
    """Starts workers on one database; kills what is left at the end."""

    database: str
    log: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, version: str = "test", **environment: str) -> subprocess.Popen[str]:
        """Start one and wait until it works."""
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), self.database, version, str(self.log)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.started.append(worker)
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

    def lines(self) -> list[tuple[str, str, str, int, int]]:
        """Give what was logged: word, run, key, n, process; in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [(word, run, key, int(n), int(pid)) for word, run, key, n, pid, _ in lines]

    def words(self) -> list[str]:
        """Give the first words of the lines."""
        return [word for word, *_ in self.lines()]

    def overlaps(self) -> list[str]:
        """Give the keys of which two runs were at work at once.

        A run is at work in its body and in each step, which may outlast a cancelled body. A killed process is at work
        no more.
        """
        inside: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
        dead = {worker.pid for worker in self.started if worker.poll() is not None}
        last = {pid: index for index, (*_, pid) in enumerate(self.lines())}
        found = []
        for index, (word, run, key, _, pid) in enumerate(self.lines()):
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
        for word, _, key, n, _ in self.lines():
            if word == "enter" and n not in first[key]:
                first[key].append(n)
        return [key for key, order in first.items() if order != sorted(order)]

    def repeats(self) -> int:
        """Count the steps that were entered more than once for one run."""
        steps = Counter((word, run) for word, run, *_ in self.lines() if word in ("one", "two", "three"))
        return sum(count - 1 for count in steps.values())
