"""Lets `python -m counterfoil` do what `counterfoil` does."""

from counterfoil.cli import main

if __name__ == "__main__":  # a process that the demonstration starts loads this module too
    main()
