"""Posts to a webhook of yours whenever a sync has ended. Load it with COUNTERFOIL_FUNCTIONS=tell_webhook."""

import os

import httpx2

from counterfoil.engine import Context, function
from counterfoil.sync.steps import Finished, SyncSteps


async def post(sync_id: str, state: str) -> int:
    """Post ids and state, nothing else; give the receiver's status."""
    async with httpx2.AsyncClient(timeout=10) as client:
        reply = await client.post(os.environ["MY_WEBHOOK"], json={"sync": sync_id, "state": state})
        reply.raise_for_status()  # a foreign error: the step is tried again, with growing pauses
        return reply.status_code


@function("tell-webhook", on="app/sync.finished", retries=6)
async def tell_webhook(ctx: Context[Finished, SyncSteps]) -> int:
    """Tell the webhook once per sync, however often the process dies in between."""
    return await ctx.step.run("post", post, ctx.event.data.sync_id, ctx.event.data.state)
