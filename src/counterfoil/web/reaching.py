"""A visitor as a caller of the API: pages and API show the same events and runs to the same people."""

from counterfoil.bootstrap import Product
from counterfoil.engine import RunView
from counterfoil.store import workspaces
from counterfoil.web.api import reach
from counterfoil.web.api.callers import Caller, Scope
from counterfoil.web.auth import Visitor


async def caller_of(product: Product, visitor: Visitor) -> Caller:
    """Give the caller that stands for a visitor."""
    alone = len(await product.db.read(workspaces.every)) == 1
    scope = Scope.ADMIN if visitor.is_owner else Scope.WRITE
    return Caller(visitor.workspace.id, visitor.user.email, scope, operates=alone)


async def run_of(product: Product, visitor: Visitor, run_id: str) -> RunView:
    """Give a run that concerns the visitor's workspace. Raises `NotThere`."""
    return await reach.must_see(product.db, await caller_of(product, visitor), await product.engine.run(run_id))
