"""What we rely on inside DBOS is still there; a new release of DBOS that moves it fails here first."""

import inspect
import itertools
import threading
from importlib.metadata import version

import pytest
import sqlalchemy as sa
from dbos import DBOS, _queue, _sys_db
from dbos._context import DBOSContext
from dbos._event_loop import BackgroundEventLoop
from dbos._schemas.system_database import SystemSchema

from counterfoil.engine.durable import Wakeable
from counterfoil.lib.ids import new_id


def names(callable: object) -> list[str]:
    return list(inspect.signature(callable).parameters)  # type: ignore[arg-type]


def test_the_release_is_the_one_that_was_read() -> None:
    assert version("dbos").startswith("3.4.")


def test_queue_threads_are_started_by_the_name_that_we_replace_and_wait_on_their_first_argument() -> None:
    assert names(_queue.queue_worker_thread) == ["stop_event", "dbos", "queue"]
    assert "target=queue_worker_thread" in inspect.getsource(_queue.queue_thread)
    assert "stop_event.wait(timeout=polling_interval" in inspect.getsource(_queue.queue_worker_thread)


def test_every_outcome_passes_the_method_that_we_wrap() -> None:
    database = _sys_db.SystemDatabase
    assert names(database.update_workflow_outcome) == ["self", "workflow_id", "status", "output", "error", "owner_xid"]
    assert "sys_db" in names(_sys_db.db_retry)
    assert names(database._now_ms_sql) == ["self"]
    assert names(database.transition_delayed_workflows) == ["self"]


def test_the_instance_has_what_we_stop() -> None:
    source = inspect.getsource(DBOS.__init__)
    for name in ("_workflow_tasks", "background_thread_stop_events", "_sys_db", "_background_event_loop"):
        assert name in source
    assert "owner_xid" in inspect.getsource(DBOSContext)


def test_coroutines_go_to_the_loop_that_we_name() -> None:
    assert "self.target_loop()" in inspect.getsource(BackgroundEventLoop.submit_coroutine)


def test_the_tables_have_the_columns_that_we_write_and_no_others_that_must_be_given() -> None:
    ours = {"workflow_uuid", "created_at", "updated_at", "priority", "was_forked_from", "rate_limited", "is_debounced"}
    required = {column.name for column in SystemSchema.workflow_status.c if not column.nullable}
    assert required == ours
    assert isinstance(SystemSchema.operation_outputs.c.function_id.type, sa.Integer)


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {(id[14], id[19] in "89ab") for id in ids} == {("7", True)}


@pytest.mark.parametrize("look", [1, 2, 3])
def test_a_queue_that_is_stopped_at_the_moment_it_looks_does_not_wait_for_its_next_poll(look: int) -> None:
    looks = itertools.count(1)

    class Stop(threading.Event):
        def is_set(self) -> bool:
            before = super().is_set()
            if next(looks) == look:
                self.set()
                bell.ring()
            return before

    stop = Stop()
    bell = Wakeable(stop, has_work=lambda: False)
    bell.ring()
    waiting = threading.Thread(target=lambda: [*iter(lambda: bell.wait(5), True)], daemon=True)
    waiting.start()
    waiting.join(2)
    assert not waiting.is_alive()
