"""Requests that come at the same moment, of which one was looked at before the other had ended."""

import asyncio
import re

import pytest

from counterfoil.store import users, workspaces
from counterfoil.store.workspaces import Display
from web.api.desk import Desk
from web.site import Site

pytestmark = pytest.mark.anyio


async def test_an_invitation_that_is_sent_twice_at_once_makes_one_member_and_no_error(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/members")
    await owner.submit("/members/invite", email="bob@example.com", role="member")
    [link] = re.findall(r"http://counterfoil.test(/invitations/[\w-]+)", owner.page)
    bob, again = started.browser(), started.browser()
    for browser in (bob, again):
        await browser.open(link)
    await asyncio.gather(*(one.submit(link, name="Bob", password="another good phrase") for one in (bob, again)))
    assert sorted((one.status for one in (bob, again)))[0] == 200
    assert {one.status for one in (bob, again)} <= {200, 404, 422}
    workspace = await started.product.db.read(workspaces.first)
    names = [one.user.name for one in await started.product.db.read(users.of_workspace, workspace.id)]
    assert names == ["Ada", "Bob"]


async def test_who_changes_the_name_of_a_workspace_leaves_what_is_just_chosen_about_amounts(at: Desk) -> None:
    caller = await at.caller()
    with at.product.db.begin() as tx:
        workspaces.change(tx, at.workspace_id, name="Home", display=Display("EUR", "code", "comma"))
        asked = asyncio.create_task(caller.patch("/workspace", json={"name": "Our place"}))
        await asyncio.sleep(0.2)  # it has come as far as it can while the other has not ended
    told = (await asked).json()
    assert [told[name] for name in ("name", "currency", "amounts", "digits")] == ["Our place", "EUR", "code", "comma"]
