"""The only SQL of the product: schema, migrations, and one module per noun.

Functions take the transaction they run in (`tx`) and are called from async code through `Database.run`.
"""

from counterfoil.store.database import Database, Tx

__all__ = ["Database", "Tx"]
