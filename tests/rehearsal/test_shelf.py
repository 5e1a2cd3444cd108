"""What other databases than PostgreSQL get: the stack of tests/rehearsal/shelf, which knows nothing of bootstrap, is
adopted, and MariaDB's rows go into backups and come back, by the commands that adopting wrote."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Bootstrap, Site

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

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class Shelf:
    owner: Bootstrap
    site: Site

    def maria(self, sql: str) -> list[str]:
        """As the container's own environment lets one in."""
        ask = 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" exec mariadb --host=127.0.0.1 --user=root --batch --skip-column-names'
        exec_ = ("exec", "--domain", OWN_DOMAIN, "maria", "--", "sh", "-c", f"{ask} shop")
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
    known = shelf.owner("backup", "list", OWN_DOMAIN, "--json").json()
    kill = "sh -c 'until pkill -KILL -x mariadb-dump; do :; done'"
    shelf.on_droplet(f"sudo systemd-run --quiet --collect --property=RuntimeMaxSec=60 {kill}")
    failed = shelf.owner("backup", "now", OWN_DOMAIN, check=False)
    assert failed.code == 10 and "dump of maria failed" in failed.err
    assert shelf.owner("backup", "list", OWN_DOMAIN, "--json").json() == known
    shelf.owner("backup", "now", OWN_DOMAIN)


@pytest.mark.long
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
