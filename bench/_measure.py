"""Measuring alone: each measurement in a process of its own, its CPU time and its peak of memory, beside a target."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any


def alone(script: str, *arguments: str) -> Any:
    """Run a script of ours with arguments in a process of its own; give the JSON that it prints."""
    done = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def peak_mb() -> float:
    """Give the most memory this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # counted anew for each program, unlike the kernel's other figure, which a fork hands down
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2


def at_least(what: str, figure: float, target: float, unit: str) -> str:
    """Say how a figure stands to a floor."""
    return f"  {what:<44} {figure:>10,.0f} {unit:<8} at least {target:>8,.0f}: {figure / target:.2f} times as much"


def at_most(what: str, figure: float, target: float, unit: str) -> str:
    """Say how a figure stands to a ceiling."""
    share = f"{figure / target:.2f} of it" if target else "kept" if not figure else "exceeded"
    return f"  {what:<44} {figure:>10,.0f} {unit:<8} at most  {target:>8,.0f}: {share}"


def middle(figures: list[float]) -> float:
    """Give the median."""
    return median(figures)


def share(figures: list[float], percent: int) -> float:
    """Give the figure that so many per cent do not exceed."""
    return sorted(figures)[min(len(figures) - 1, len(figures) * percent // 100)]
