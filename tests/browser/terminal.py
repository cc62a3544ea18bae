"""Runs the demonstration and draws what it prints, as the README shows it: `python tests/browser/terminal.py`."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from counterfoil.demo.show import print_summary

PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "demo.svg"
_FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"  # the reader's own: nothing is fetched


def draw() -> None:
    """Run it and write the picture."""
    demo = [sys.executable, "-m", "counterfoil", "demo", "--once", "--json"]
    done = subprocess.run(demo, stdout=subprocess.PIPE, check=True)
    console = Console(record=True, width=84, file=io.StringIO())
    print_summary(json.loads(done.stdout), console)
    drawn = console.export_svg(title="counterfoil demo --once", theme=DIMMED_MONOKAI, unique_id="demo")
    drawn = re.sub(r"@font-face {.*?}", "", drawn, flags=re.S)
    drawn = re.sub(r"font-family: [^;]+;", f"font-family: {_FONTS};", drawn)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(re.sub(r"\n\s*\n", "\n", drawn))


if __name__ == "__main__":
    draw()
