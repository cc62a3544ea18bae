"""Counterfoil keeps people's financial data up to date in the apps they already use."""

__version__: str


def __getattr__(name: str) -> str:
    # Read when somebody asks: it takes a tenth of the time in which `counterfoil --help` answers.
    if name == "__version__":
        from importlib.metadata import version

        return version("counterfoil")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
