"""The pages that every page leads to, in their order."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; `icon` is the id of a symbol in templates/icons.svg."""

    label: str
    path: str
    icon: str


NAV: Final = (
    Entry("Home", "/", "home"),
    Entry("Transactions", "/transactions", "list"),
    Entry("Accounts", "/accounts", "wallet"),
    Entry("Investments", "/investments", "chart"),
    Entry("Connections", "/connections", "bank"),
    Entry("Destinations", "/destinations", "table"),
    Entry("Rules", "/rules", "rule"),
    Entry("Transfers", "/transfers", "swap"),
    Entry("Syncs", "/syncs", "sync"),
    Entry("Events", "/events", "bolt"),
    Entry("Functions", "/functions", "code"),
)
