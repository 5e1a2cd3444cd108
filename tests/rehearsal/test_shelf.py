"""The stack of tests/rehearsal/shelf, which knows nothing of bootstrap, is adopted. MariaDB's rows go into backups and
come back, by the commands that adopting wrote; rows and files of another host are imported, over a kill."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.backup.postgres import running
from tests.rehearsal.conftest import Bootstrap, Site
from tests.waiting import until

SHELF = Path(__file__).parent / "shelf"
OWN_DOMAIN = "shelf.example"
# more than pipes hold, so that a dump has a middle
FILL = """
CREATE TABLE line (n INT PRIMARY KEY AUTO_INCREMENT, said VARCHAR(200) NOT NULL);
INSERT INTO line (said) SELECT REPEAT(SHA2(seq, 256), 3) FROM seq_1_to_50000;
CREATE TABLE note (said TEXT); INSERT INTO note VALUES ('first'), ('it''s; -- "quoted"'), ('Привет');
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n;
"""
ROWS = {"shop.line": [50000, 50000], "shop.note": [3, 3]}

pytestmark = [pytest.mark.root, pytest.mark.long]


# what another host had, with roles that are not here
THEIRS = """
CREATE ROLE them; CREATE DATABASE theirs OWNER them;
\\connect theirs
SET ROLE them;
CREATE TABLE book (id bigserial PRIMARY KEY, title text);
INSERT INTO book (title) SELECT repeat(md5(n::text), 20) FROM generate_series(1, 100000) n;
"""


@dataclass(frozen=True)
class Shelf:
    owner: Bootstrap
    site: Site

    def maria(self, sql: str) -> list[str]:
        """As the container's own environment lets one in."""
        ask = 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" exec mariadb --host=127.0.0.1 --user=root --batch --skip-column-names'
        exec_ = ("exec", "--domain", OWN_DOMAIN, "maria", "--", "sh", "-c", f"{ask} shop")
        return self.owner(*exec_, stdin=sql).out.splitlines()

    def books(self, sql: str) -> list[str]:
        """As the application logs in: over the network, with its own password."""
        ask = 'PGPASSWORD="$POSTGRES_PASSWORD" exec psql -XqAt --host="$(hostname -i)" --username=shelf books'
        exec_ = ("exec", "--domain", OWN_DOMAIN, "pg", "--", "sh", "-c", ask)
        return self.owner(*exec_, stdin=sql).out.splitlines()

    def on_droplet(self, command: str) -> str:
        return self.owner("ssh", OWN_DOMAIN, "--", command).out


@pytest.fixture(scope="module")
def shelf(
    bootstrap: Bootstrap, cloud: dict[str, Any], visitor: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shelf]:
    work = tmp_path_factory.mktemp("shelf") / "shelf"
    shutil.copytree(SHELF, work)
    owner = replace(bootstrap, work=work)
    owner("init")
    owner("stack", "check", ".")
    owner("image", "build", timeout_s=1800)
    created = owner("create", "--domain", OWN_DOMAIN, "--json").json()
    yield Shelf(owner, Site(OWN_DOMAIN, created["reserved_ip"], visitor))
    owner("destroy", OWN_DOMAIN, "--volume", "--backups", "--yes")


def test_mariadb_is_backed_up_and_comes_back(shelf: Shelf) -> None:
    shelf.maria(FILL)
    made = shelf.owner("backup", "now", OWN_DOMAIN, "--json").json()
    assert made["dumps"]["maria"]["rows"] == ROWS and set(made["databases"]) == {"books"}
    shelf.owner("backup", "verify", made["id"], OWN_DOMAIN)

    shelf.maria("DROP TABLE note; DELETE FROM line WHERE n > 10; CREATE TABLE since (n INT);")
    shelf.owner("restore", "latest", OWN_DOMAIN, "--only", "maria", "--yes")
    assert shelf.maria("SHOW TABLES;") == ["line", "note"], "what came since is gone"
    assert shelf.maria("SELECT COUNT(*), MIN(said = REPEAT(SHA2(n, 256), 3)) FROM line;") == ["50000\t1"]
    assert shelf.maria("SELECT said FROM note; SELECT twice(21);") == ["first", 'it\'s; -- "quoted"', "Привет", "42"]
    shelf.maria("INSERT INTO line (said) VALUES ('next');")
    assert int(shelf.maria("SELECT MAX(n) FROM line;")[0]) > 50000


def test_a_dump_that_dies_in_the_middle_is_no_backup(shelf: Shelf) -> None:
    """mariadb-dump is killed in its container."""
    known = backups(shelf)
    kill = "sh -c 'until pkill -KILL -x mariadb-dump; do :; done'"
    shelf.on_droplet(f"sudo systemd-run --quiet --collect --property=RuntimeMaxSec=60 {kill}")
    failed = shelf.owner("backup", "now", OWN_DOMAIN, check=False)
    assert failed.code == 10 and "dump of maria failed" in failed.err
    assert backups(shelf) == known
    shelf.owner("backup", "now", OWN_DOMAIN)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of another PostgreSQL, of this computer's own version."""
    file = tmp_path_factory.mktemp("theirs") / "books.dump"
    with tempfile.TemporaryDirectory(prefix="bootstrap-pg-") as folder, running(Path(folder)) as server:
        server.sql("postgres", THEIRS)
        made = Path(folder) / "books.dump"
        server.run("pg_dump", "--dbname=theirs", "--format=custom", "--compress=0", f"--file={made}")
        shutil.move(made, file)
    return file


def test_what_another_host_had_is_imported(shelf: Shelf, books: Path, tmp_path: Path) -> None:
    """Killed in the middle, run again, and refused when it is there. The site is served while it comes."""
    (tmp_path / "files" / "below").mkdir(parents=True)
    (tmp_path / "files" / "below" / "page.txt").write_text("of another host")
    brought = ("import", OWN_DOMAIN, f"--database=books={books}", f"--media={tmp_path / 'files'}")
    argv = [str(shelf.owner.program), "--cloud", "local", "--progress", "plain", *brought]
    with subprocess.Popen(
        argv, cwd=shelf.owner.work, env=dict(shelf.owner.env), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as killed:
        assert killed.stderr
        until(lambda: "import of books" in shelf_said(killed), "it streams", deadline_s=120)
        killed.kill()
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public';"
    assert shelf.books(tables) == ["0"], "nothing of it came"

    shelf.owner(*brought)
    assert shelf.books("SELECT count(*), max(id), min(length(title)) FROM book;") == ["100000|100000|640"]
    assert shelf.books("INSERT INTO book (title) VALUES ('next') RETURNING id;") == ["100001"]
    assert shelf.site.request("GET", "/below/page.txt").text == "of another host"

    refused = shelf.owner(*brought, check=False)
    assert refused.code == 5 and "not empty: database books (public.book 100001 rows)" in refused.err
    shelf.owner(*brought, "--replace", "--yes")
    assert shelf.books("SELECT count(*) FROM book;") == ["100000"]
    databases = "SELECT count(*) FROM pg_database WHERE datname ~ '^books';"
    assert shelf.books(databases) == ["1"], "nothing is left beside it"


def shelf_said(running: subprocess.Popen[bytes]) -> str:
    """One line more of its progress."""
    assert running.stderr
    return running.stderr.readline().decode()


def backups(shelf: Shelf) -> list[str]:
    return [one["id"] for one in shelf.owner("backup", "list", OWN_DOMAIN, "--json").json()]


def test_a_drill_compares_it_and_a_new_deployment_starts_from_it(shelf: Shelf) -> None:
    shelf.maria("INSERT INTO line (said) VALUES ('kept');")
    shelf.owner("backup", "now", OWN_DOMAIN)
    told = shelf.owner("drill", OWN_DOMAIN, "--yes", "--json", timeout_s=1800).json()
    tables = {table["name"]: (table["expected"], table["found"]) for table in told["tables"]}
    rows = shelf.maria("SELECT COUNT(*) FROM line;")[0]
    assert told["passed"] and tables["maria.shop.line"] == (rows, int(rows))

    shelf.owner("destroy", OWN_DOMAIN, "--volume", "--yes")
    shelf.owner("create", "--domain", OWN_DOMAIN, "--from-backup", "latest")
    assert shelf.maria("SELECT COUNT(*) FROM line;") == [rows]
