"""An Airtable that runs on loopback: state, documented limits, error bodies, and what users do to a base.

Ready-made: `emulator()`. Facts come from https://airtable.com/developers/web/api/introduction.
"""

from counterfoil.destinations.airtable.sandbox.api import emulator

__all__ = ["emulator"]
