"""What protects every page: CSRF tokens, headers, roles, and that one workspace knows nothing of another."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import APIRoute

from counterfoil.lib import passwords
from counterfoil.store import users, workspaces
from counterfoil.web import pages, static_files
from counterfoil.web.pages import deletion, first_run, invitation, passkeys, reset, sign_in
from web.site import PASSWORD, Browser, Site, filled, own_ids

pytestmark = pytest.mark.anyio

_FOR_GUESTS = (first_run.router, invitation.router, deletion.guests, passkeys.guests, reset.router, sign_in.guests)
# What the npm packages held: an altered file, or an update that nobody meant, is noticed.
VENDORED = {
    "htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "hx-sse-4.0.1.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
}


def routes(*, guests: bool) -> Iterator[tuple[str, str]]:
    """Give method and path of every page."""
    for router in pages.ROUTERS:
        if (router in _FOR_GUESTS) is guests:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                for method in route.methods or ():
                    yield method, route.path


async def stranger(site: Site) -> Browser:
    """Give the browser of the owner of another workspace."""
    hashed = await passwords.hash_of(PASSWORD)
    other = await site.product.db.run(workspaces.create, "Elsewhere")
    user_id = await site.product.db.run(workspaces.add_user, other.id, email="eve@example.com", name="Eve")
    await site.product.db.run(users.set_password, user_id, hashed)
    browser = site.browser()
    await browser.open("/sign-in")
    await browser.submit("/sign-in", email="eve@example.com", password=PASSWORD)
    assert browser.path == "/"
    return browser


async def test_a_page_sends_who_is_not_signed_in_to_sign_in(started: Site) -> None:
    await started.owner()
    browser = started.browser()
    for path in [path for method, path in routes(guests=False) if method == "GET"]:
        await browser.open(re.sub(r"{\w+}", "x", path))
        assert browser.path == "/sign-in", path


async def test_an_act_needs_the_token_of_its_own_browser(started: Site) -> None:
    owner = await started.owner()
    foreign = started.browser()
    await foreign.open("/sign-in")
    [stolen] = re.findall(r'name="csrf" value="([^"]+)"', foreign.page)
    acts = [re.sub(r"{\w+}", "x", path) for method, path in routes(guests=False) if method == "POST"]
    assert len(acts) > 20
    for act in acts:
        for token in ({}, {"csrf": "nonsense"}, {"csrf": stolen}):
            reply = await owner.client.post(act, data=token)
            assert reply.status_code == 403, act
    assert (await owner.client.get("/")).status_code == 200


async def test_a_form_for_guests_needs_the_token_too(started: Site) -> None:
    reply = await started.client().post("/welcome", data={"email": "a@example.com", "name": "A", "password": PASSWORD})
    assert reply.status_code == 403 and "another page" in reply.text


async def test_a_request_from_another_site_is_refused_with_the_right_token_too(started: Site) -> None:
    owner = await started.owner()
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', owner.page)
    cross = {"sec-fetch-site": "cross-site"}
    reply = await owner.client.post("/sign-out", data={"csrf": token}, headers=cross)
    assert reply.status_code == 403
    assert (await owner.client.post("/sign-out", headers={"x-csrf-token": token})).status_code == 303


async def test_every_answer_carries_the_headers_and_each_page_its_own_nonce(started: Site) -> None:
    client = started.client()
    nonces = set()
    for path in ("/sign-in", "/welcome", "/nothing-here", "/static/app.css"):
        reply = await client.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
        [nonce] = re.findall(r"script-src 'nonce-([^']+)'", policy)
        nonces.add(nonce)
        assert all(found == nonce for found in re.findall(r'<script nonce="([^"]+)"', reply.text))
    assert len(nonces) == 4
    assert "strict-transport-security" not in reply.headers
    assert "strict-transport-security" in (await started.client(scheme="https").get("/sign-in")).headers


async def test_no_page_has_a_script_or_style_within_or_from_elsewhere(started: Site) -> None:
    owner = await started.owner()
    for path in [path for method, path in routes(guests=False) if method == "GET" and "{" not in path]:
        page = await owner.open(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=", page), path
        assert all(source.startswith("/static/") for source in re.findall(r'<script[^>]*src="([^"]+)"', page))
        assert not re.search(r"<script(?![^>]*src=)", page), path


async def test_cookies_are_out_of_scripts_reach_and_bound_to_the_host_over_https(started: Site) -> None:
    client = started.client(scheme="https")
    page = await client.get("/welcome")
    [token] = re.findall(r'name="csrf" value="([^"]+)"', page.text)
    form = {"csrf": token, "name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    reply = await client.post("/welcome", data=form)
    assert reply.status_code == 303
    [session] = [line for line in reply.headers.get_list("set-cookie") if line.startswith("__Host-counterfoil=")]
    for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert part in session
    assert "Domain" not in session


async def test_the_vendored_scripts_are_what_the_packages_held() -> None:
    folder = Path(static_files.__file__).parent / "static"
    scripts = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.min.js")}
    assert scripts == VENDORED


async def test_another_workspace_gets_nothing_by_any_address(started: Site) -> None:
    await filled(started)
    eve = await stranger(started)
    ids = await own_ids(started)
    walked = 0
    for method, path in routes(guests=False):
        names = re.findall(r"{(\w+)}", path)
        if not any(name in ids for name in names):
            continue
        address = re.sub(r"{(\w+)}", lambda name: ids.get(name[1], "same"), path)
        await eve.open("/account")
        [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', eve.page)
        send = eve.client.get if method == "GET" else eve.client.post
        reply = await send(address, headers={"x-csrf-token": token})
        assert reply.status_code == 404, f"{method} {path} gave {reply.status_code}"
        walked += 1
    assert walked > 25
    for path in ("/", "/connections", "/destinations", "/syncs", "/events", "/members"):
        page = await eve.open(path)
        assert not any(one in page for one in ids.values()), path
        assert "Bank of" not in page and "ada@example.com" not in page, path


async def test_a_member_neither_invites_nor_pauses_functions(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/members")
    await owner.submit("/members/invite", email="bob@example.com", role="member")
    [link] = re.findall(r"http://counterfoil.test(/invitations/[\w-]+)", owner.page)
    bob = started.browser()
    await bob.open(link)
    await bob.submit(link, name="Bob", password="another good phrase")
    assert bob.path == "/" and "Bob" in bob.text
    await bob.open("/members")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', bob.page)
    for act in ("/members/invite", "/functions/tick/pause", "/members/x/remove"):
        assert (await bob.client.post(act, headers={"x-csrf-token": token})).status_code == 403
    again = started.browser()
    await again.open(link)
    assert again.status == 404


async def test_who_is_removed_is_signed_out_at_once(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/members")
    await owner.submit("/members/invite", email="bob@example.com", role="member")
    [link] = re.findall(r"http://counterfoil.test(/invitations/[\w-]+)", owner.page)
    bob = started.browser()
    await bob.open(link)
    await bob.submit(link, name="Bob", password="another good phrase")
    await owner.open("/members")
    [act] = re.findall(r'action="(/members/[\w-]+/remove)"', owner.page)
    await owner.submit(act)
    await bob.open("/")
    assert bob.path == "/sign-in"
    await owner.open("/settings/audit")
    assert "Member removed" in owner.text


async def test_the_last_owner_stays(started: Site) -> None:
    owner = await started.owner()
    workspace = await started.product.db.read(workspaces.first)
    [member] = await started.product.db.read(users.of_workspace, workspace.id)
    await owner.open("/members")
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', owner.page)
    reply = await owner.client.post(f"/members/{member.user.id}/remove", headers={"x-csrf-token": token})
    assert reply.status_code == 400 and "last owner" in reply.text


async def test_a_bug_is_answered_with_a_page_that_tells_nothing_of_its_cause(started: Site) -> None:
    owner = await started.owner()
    started.app.state.figures = None
    transport = httpx2.ASGITransport(app=started.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://counterfoil.test") as client:
        client.cookies.update(owner.client.cookies)
        reply = await client.get("/")
    assert reply.status_code == 500 and "Something went wrong here." in reply.text
    assert "NoneType" not in reply.text and "Traceback" not in reply.text
