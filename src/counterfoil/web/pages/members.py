"""Who belongs to the workspace, and who is invited."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest, NotThere
from counterfoil.store import Tx, audit, invitations, sessions, users
from counterfoil.web import forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)


@router.get("/members")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    return await _page(request, visitor, product)


@router.post("/members/invite")
async def invite(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    email: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = users.MEMBER,
) -> Response:
    """Make an invitation and show its link, this once."""
    visitor.must_own()
    try:
        email = forms.email(email)
        if role not in (users.OWNER, users.MEMBER):
            raise BadRequest("There is no such role.", remedy="Choose member or owner.")
    except BadRequest as problem:
        return await _page(request, visitor, product, problem=problem)
    token = secrets.token_urlsafe(32)
    await product.db.run(_invite, visitor, token, email, role, address_of(request))
    link = str(request.url_for("show_invitation", token=token))
    return await _page(request, visitor, product, link=link, invited=email)


@router.post("/members/invitations/{invitation_id}/revoke")
async def revoke(invitation_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Take an invitation back."""
    visitor.must_own()
    if not await product.db.run(invitations.revoke, visitor.workspace.id, invitation_id):
        raise NotThere("There is no such invitation.", remedy="It may have been taken or revoked.")
    return see(request, "/members", "The invitation no longer holds.")


@router.post("/members/{user_id}/remove")
async def remove(user_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Take somebody out of the workspace; every browser of theirs is signed out of it at once."""
    visitor.must_own()
    if not await product.db.run(_remove, visitor, user_id, address_of(request)):
        raise NotThere("There is no such member.", remedy="They may have left already.")
    return see(request, "/members", "They do not belong to this workspace any more.")


async def _page(
    request: Request,
    visitor: Visitor,
    product: Product,
    *,
    problem: BadRequest | None = None,
    link: str | None = None,
    invited: str | None = None,
) -> Response:
    return page(
        request,
        "members.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        link=link,
        invited=invited,
        members=await product.db.read(users.of_workspace, visitor.workspace.id),
        invitations=await product.db.read(invitations.of_workspace, visitor.workspace.id),
    )


def _invite(tx: Tx, visitor: Visitor, token: str, email: str, role: str, address: str) -> None:
    workspace_id, user_id = visitor.workspace.id, visitor.user.id
    invitations.make(tx, workspace_id, token=token, email=email, role=role, invited_by=user_id)
    audit.note(tx, workspace_id, "member.invited", user_id=user_id, subject=email, address=address)


def _remove(tx: Tx, visitor: Visitor, user_id: str, address: str) -> bool:
    member = next((one for one in users.of_workspace(tx, visitor.workspace.id) if one.user.id == user_id), None)
    if member is None or not users.remove_member(tx, visitor.workspace.id, user_id):
        return False
    sessions.close_in(tx, visitor.workspace.id, user_id)
    audit.note(
        tx,
        visitor.workspace.id,
        "member.removed",
        user_id=visitor.user.id,
        subject=member.user.email,
        address=address,
    )
    return True
