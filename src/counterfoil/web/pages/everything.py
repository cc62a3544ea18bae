"""Everything that is stored of a workspace's money, as a zip."""

from fastapi import APIRouter, Request, Response

from counterfoil.store import audit
from counterfoil.web import auth, download
from counterfoil.web.auth import ProductOf, SignedInVisitor

router = APIRouter(include_in_schema=False)


@router.get("/everything.zip")
async def save(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Send the zip."""
    where = auth.address_of(request)
    await product.db.run(
        audit.note, visitor.workspace.id, "rows.exported", user_id=visitor.user.id, subject="everything", address=where
    )
    return await download.everything(product.db, visitor.workspace.id)
