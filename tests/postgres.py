"""A real PostgreSQL for tests: in a temporary folder, on a free port of this machine, gone when the test is."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.processes import free_port

PASSWORD = "a password of tests"
_START_SECONDS = 30.0
# As unlike what a log needs as a server may be set: the writer's own sessions must say it.
# Without fsync the data outlive a crash of the server, which tests bring about, though not one of the machine.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "default_transaction_isolation": "serializable",
    "min_wal_size": "4MB",
}


@dataclass
class Postgres:
    """A PostgreSQL that a test can stop and start; its database `postgres` is empty at first."""

    folder: Path
    programs: Path
    user: list[str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Return SQLAlchemy's URL of a database; the server must be up for a new one, which is then made."""
        if database != "postgres":
            self._make(database)
        quoted = password.replace(" ", "%20")
        return f"postgresql://aval:{quoted}@127.0.0.1:{self.port}/{database}"

    def new_url(self) -> str:
        """Return the URL of a schema of its own, empty: a database would cost 300 files."""
        schema = f"log_{secrets.token_hex(6)}"
        self.run(f"CREATE SCHEMA {schema}")
        return f"{self.url()}?options=-csearch_path%3D{schema}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        command = [str(self.programs / "postgres"), "-D", f"{self.folder}/data", "-k", str(self.folder)]
        arguments = [*self.user, *command, *options]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT breaks off what is under way, SIGTERM waits for it, SIGQUIT is a crash."""
        if self.process is not None:
            os.kill(self.pid, how)
            self.process.wait(timeout=30)
            self.process = None

    @property
    def pid(self) -> int:
        """The server's main process."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement, outside of any transaction."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="aval",
            password=PASSWORD,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            connection.execute(statement.encode())

    def _make(self, database: str) -> None:
        try:
            self.run(f"CREATE DATABASE {database}")
        except psycopg.errors.DuplicateDatabase:
            return


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Yield a PostgreSQL that is up; raises `FileNotFoundError` where its programs are not installed."""
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="aval-postgres-"))
    if user:
        shutil.chown(folder, user[2])
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    options = [
        "-U",
        "aval",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--wal-segsize=1",
    ]
    initdb = [
        *user,
        str(programs / "initdb"),
        "-D",
        f"{folder}/data",
        *options,
        f"--pwfile={folder}/password",
    ]
    subprocess.run(initdb, check=True, capture_output=True)
    server = Postgres(folder, programs, user)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = [Path(path).parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("no initdb and postgres on the path; install them: apt-get install postgresql")


def _user() -> list[str]:
    """Return what runs a command as somebody else, where this is root: PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    return ["runuser", "-u", "postgres" if "postgres" in names else "nobody", "--"]
