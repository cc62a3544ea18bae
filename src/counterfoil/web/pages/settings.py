"""Settings of the workspace: its name and how it shows amounts; and everything as a file."""

from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.model import TABLES
from counterfoil.store import Tx, audit, figures, rows, workspaces
from counterfoil.store.workspaces import AMOUNTS, DIGITS, Display
from counterfoil.web import forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
Typed = Annotated[str, Form()]
_EXAMPLE: Final = Decimal("-1234.5")
_WRITTEN: Final = [("symbol", "$1,234.50: with its sign"), ("code", "1,234.50 USD: with its code")]
_DIGITS: Final = [("point", "1,234.50"), ("comma", "1.234,50"), ("space", "1 234,50"), ("quote", "1’234.50")]


@router.get("/settings")
async def show(request: Request, _visitor: SignedInVisitor) -> Response:
    """Lead to the first of the settings' pages."""
    return see(request, "/settings/workspace")


@router.get("/settings/workspace")
async def show_workspace(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show name and ways of writing."""
    return await _page(request, visitor, product)


@router.post("/settings/workspace")
async def save_workspace(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    name: Typed = "",
    currency: Typed = "",
    amounts: Typed = "",
    digits: Typed = "",
) -> Response:
    """Keep them."""
    visitor.must_own()
    try:
        name = forms.line(name, "name")
        held = await product.db.read(_currencies, visitor.workspace.id)
        if amounts not in AMOUNTS or digits not in DIGITS or currency not in ("", *held):
            raise BadRequest("There is no such choice.", remedy="Choose from the lists.")
    except BadRequest as problem:
        return await _page(request, visitor, product, problem)
    display = Display(currency or None, amounts, digits)
    await product.db.run(_change, visitor, name, display, address_of(request))
    return see(request, "/settings/workspace", "Saved.")


@router.get("/settings/export")
async def show_export(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Say what is in the file, and offer it."""
    counts = await product.db.read(rows.counts, visitor.workspace.id)
    tables = [(name, record.label, counts[name]) for name, record in TABLES.items()]
    return page(request, "settings_export.html", visitor, tables=tables)


async def _page(request: Request, visitor: Visitor, product: Product, problem: BadRequest | None = None) -> Response:
    return page(
        request,
        "settings_workspace.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        currencies=[(code, code) for code in await product.db.read(_currencies, visitor.workspace.id)],
        example=_EXAMPLE,
        written=_WRITTEN,
        digits=_DIGITS,
    )


def _currencies(tx: Tx, workspace_id: str) -> list[str]:
    """Give the currencies of the accounts, and the one that was chosen though no account is in it any more."""
    held = {account.currency for account in figures.accounts(tx, workspace_id)}
    chosen = workspaces.find(tx, workspace_id).display.currency
    return sorted(held | ({chosen} if chosen else set()))


def _change(tx: Tx, visitor: Visitor, name: str, display: Display, address: str) -> None:
    workspaces.change(tx, visitor.workspace.id, name=name, display=display)
    audit.note(tx, visitor.workspace.id, "workspace.changed", user_id=visitor.user.id, subject=name, address=address)
