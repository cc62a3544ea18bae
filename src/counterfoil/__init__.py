"""Counterfoil keeps people's financial data up to date in the apps they already use."""

from importlib.metadata import version

__version__ = version("counterfoil")
