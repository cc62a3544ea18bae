"""Health: whether all is well, and what needs a person."""

import datetime as dt
from collections import Counter
from typing import Literal

from pydantic import BaseModel, Field

from counterfoil import __version__
from counterfoil.store import Tx, connections, destinations, syncs
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Reader, Works
from counterfoil.web.api.shapes import Need

router = routes.router("health")


class Attention(Need):
    """Something that a person must mend, and where."""

    connection_id: str | None = None
    destination_id: str | None = None
    table: str | None = None


class Health(BaseModel):
    """How the workspace stands."""

    status: Literal["ok", "attention"]
    version: str
    connections: dict[str, int] = Field(description="how many are in each state")
    destinations: dict[str, int] = Field(description="how many are in each state")
    last_sync_at: dt.datetime | None
    needs: list[Attention]


@router.get("/health")
async def show_health(caller: Reader, product: Works) -> Health:
    """Show whether all is well, and what needs a person."""
    return await product.db.read(_health, caller.workspace_id)


def _health(tx: Tx, workspace_id: str) -> Health:
    logins = connections.of_workspace(tx, workspace_id)
    places = destinations.of_workspace(tx, workspace_id)
    last = syncs.page(tx, workspace_id, before=None, limit=1)
    needs = [Attention(**dict(Need.model_validate(one.problem)), connection_id=one.id) for one in logins if one.problem]
    needs += [
        Attention(**dict(Need.model_validate(one.problem)), destination_id=one.id) for one in places if one.problem
    ]
    for place in places:
        needs += [
            Attention(**dict(Need.model_validate(target.problem)), destination_id=place.id, table=name)
            for name, target in destinations.targets(tx, place.id).items()
            if target.problem
        ]
    return Health(
        status="attention" if needs else "ok",
        version=__version__,
        connections=Counter(one.state for one in logins),
        destinations=Counter(one.state for one in places),
        last_sync_at=last[0].started_at if last else None,
        needs=needs,
    )
