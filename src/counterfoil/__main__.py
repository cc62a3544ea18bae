"""Lets `python -m counterfoil` do what `counterfoil` does."""

from counterfoil.cli import main

main()
