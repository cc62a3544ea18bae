"""The pages that people see, one module for each page or act; a new one is added to this list."""

from typing import Final

from fastapi import APIRouter

from counterfoil.web.pages import (
    account,
    connection,
    connections,
    consent,
    destination,
    destinations,
    events,
    first_run,
    functions,
    home,
    invitation,
    mapping,
    members,
    pairs,
    passkeys,
    rules,
    runs,
    sign_in,
    sync,
    syncs,
    visit,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    first_run.router,
    sign_in.guests,
    sign_in.router,
    home.router,
    connections.router,
    connection.router,
    visit.router,
    destinations.router,
    consent.router,
    destination.router,
    mapping.router,
    rules.router,
    pairs.router,
    syncs.router,
    sync.router,
    runs.router,
    events.router,
    functions.router,
    account.router,
    passkeys.guests,
    passkeys.router,
    members.router,
    invitation.router,
)
