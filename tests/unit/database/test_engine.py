"""Connecting to the control database: who may read it, who waits for whom, and what its failures say."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from roadworthy.database.engine import connect, migrate, reading, writing
from roadworthy.database.schema import routes
from roadworthy.errors import DefinitionError, NotReady, Refused, RoadworthyError

ROUTE = {"namespace": "default", "model": "delay", "number": 1, "route": "{}", "at": 0, "event_time": 0}


def url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def test_a_new_database_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Neither the file nor its write-ahead log is open to others, whatever the umask."""
    before = os.umask(0)
    try:
        engine = connect(url(tmp_path / "state" / "control.db"))
        migrate(engine)
        with reading(engine):
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    finally:
        os.umask(before)
    assert modes == {"control.db": 0o600, "control.db-shm": 0o600, "control.db-wal": 0o600}


def test_the_file_is_in_wal_mode_with_foreign_keys_and_patience(tmp_path: Path) -> None:
    """Readers never wait for a writer, broken references are refused, and a writer waits five seconds."""
    with reading(connect(url(tmp_path / "control.db"))) as connection:
        said = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert said == ["wal", 1, 5000]


def test_an_exception_undoes_everything_a_writer_did(tmp_path: Path) -> None:
    """A transaction is all or nothing."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)

    def interrupted() -> None:
        with writing(engine) as connection:
            connection.execute(insert(routes).values(ROUTE))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with reading(engine) as connection:
        assert connection.execute(select(routes)).all() == []


def test_a_reader_goes_on_while_another_connection_writes(tmp_path: Path) -> None:
    """It sees the state before the write, without waiting."""
    engine = connect(url(tmp_path / "control.db"), busy_seconds=0.0)
    migrate(engine)
    with writing(engine) as writer:
        writer.execute(insert(routes).values(ROUTE))
        with reading(engine) as reader:
            assert reader.execute(select(routes)).all() == []


def test_a_locked_database_is_not_ready_and_says_what_still_works(tmp_path: Path) -> None:
    """The message names the file, the cause, that nothing changed, that serving goes on, and what to do."""
    engine = connect(url(tmp_path / "control.db"), busy_seconds=0.05)
    migrate(engine)
    with writing(engine):
        other = connect(url(tmp_path / "control.db"), busy_seconds=0.05)
        with pytest.raises(NotReady) as caught, writing(other):
            pytest.fail("two writers at once")
    assert str(caught.value) == (
        f"the control database {tmp_path}/control.db is locked: another process has been writing for longer than "
        "the waiting time. Nothing was changed, and serving goes on with its last plan; retry"
    )


def test_a_writer_waits_for_another_one_that_is_quick(tmp_path: Path) -> None:
    """Short transactions of several processes queue instead of failing."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)
    held = threading.Event()

    def hold() -> None:
        with writing(engine):
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    with writing(engine) as connection:
        connection.execute(insert(routes).values(ROUTE))
    thread.join()
    with reading(engine) as connection:
        assert len(connection.execute(select(routes)).all()) == 1


def test_what_a_writer_read_cannot_change_before_it_writes(tmp_path: Path) -> None:
    """The write lock is taken at the beginning and not at the first change: read, decide, write is safe."""
    engine = connect(url(tmp_path / "control.db"), busy_seconds=0.05)
    migrate(engine)
    with writing(engine) as first:
        assert first.execute(select(routes)).all() == []
        with pytest.raises(NotReady), writing(engine):
            pytest.fail("a second writer came in after the first one had read")


def test_a_broken_key_stays_an_integrity_error(tmp_path: Path) -> None:
    """It is the registry that knows what it means; the database does not translate it."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(routes).values(ROUTE))
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(routes).values(ROUTE))


def test_a_path_that_cannot_be_written_says_which_and_what_to_check(tmp_path: Path) -> None:
    """The error names the path and the settings that lead to it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RoadworthyError, match=r"file/control\.db cannot be opened .*ROADWORTHY_WORKSPACE"):
        connect(url(tmp_path / "file" / "control.db"))


def test_a_directory_in_the_place_of_the_file_is_an_error_of_ours(tmp_path: Path) -> None:
    """No traceback of the driver reaches a person."""
    with pytest.raises(RoadworthyError, match="cannot be opened for writing"):
        connect(url(tmp_path))


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    """A wrong path must not end in a traceback, and the file stays as it was."""
    (tmp_path / "control.db").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(RoadworthyError, match="file is not a database"):
        migrate(connect(url(tmp_path / "control.db")))
    assert (tmp_path / "control.db").read_text().startswith("not a database")


def test_a_deleted_database_does_not_come_back_empty(tmp_path: Path) -> None:
    """An empty control database would read as: nothing is registered, nothing serves."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)
    engine.dispose()
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(RoadworthyError, match="unable to open database file"), reading(engine):
        pytest.fail("the database came back")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    """Whoever forgot to migrate is told so."""
    engine = connect(url(tmp_path / "control.db"))
    with pytest.raises(NotReady, match="has no tables"), reading(engine) as connection:
        connection.execute(select(routes))


@pytest.mark.parametrize(
    "wrong", ["sqlite://", "sqlite:///:memory:", "nonsense", "nosuch://host/db", "mysql://u:hush@h/d"]
)
def test_a_url_that_several_processes_cannot_share_is_refused(wrong: str) -> None:
    """A database in memory would give each process its own truth; the password is not repeated."""
    with pytest.raises(DefinitionError) as caught:
        connect(wrong)
    assert "write sqlite:////path/control.db" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_server_that_does_not_answer_is_not_ready() -> None:
    """PostgreSQL that is down is worth a retry, and the message keeps the password to itself."""
    pytest.importorskip("psycopg")
    with (
        pytest.raises(NotReady) as caught,
        reading(connect("postgresql+psycopg://rw:hush@127.0.0.1:1/control")),
    ):
        pytest.fail("connected to nothing")
    assert "cannot be reached" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_migrating_twice_is_migrating_once(tmp_path: Path) -> None:
    """The second call finds nothing to do and loses nothing."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(routes).values(ROUTE))
    migrate(engine)
    with reading(engine) as connection:
        assert len(connection.execute(select(routes)).all()) == 1


def test_a_database_of_a_newer_roadworthy_is_refused(tmp_path: Path) -> None:
    """An old installation must not write into tables it does not know."""
    engine = connect(url(tmp_path / "control.db"))
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="at revision 9999, this Roadworthy knows up to"):
        migrate(engine)


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    """Four processes open a database that is not there; all succeed and the tables exist once."""
    program = (
        "import sys; from roadworthy.database.engine import connect, migrate\n"
        "engine = connect(sys.argv[1]); sys.stdin.readline(); migrate(engine)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, url(tmp_path / "control.db")],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    errors = [process.communicate("go\n", timeout=60)[1] for process in started]
    assert errors == ["", "", "", ""]
    with sqlite3.connect(tmp_path / "control.db") as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchall() == [(1,)]
    connection.close()


def test_at_head_alembic_is_not_loaded(tmp_path: Path) -> None:
    """Every command migrates first; only the one that has something to do pays for it."""
    migrate(connect(url(tmp_path / "control.db")))
    program = (
        "import sys; from roadworthy.database.engine import connect, migrate\n"
        "migrate(connect(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, url(tmp_path / "control.db")], check=True, timeout=60)
