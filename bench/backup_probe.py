"""What `bench.backup` runs on the droplet, as root: `python3 - WHAT SIZE`, with Python's own library only. Each answers
one line of JSON, times in seconds, memory in MiB.

The other programs get what the agent gets: the same data, key, recipient, bucket and, for a backup, patience. Nothing
runs from /tmp there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AGENT, FOLDER, MEDIA = "bootstrap-agent", Path("/var/tmp/bench-backup"), Path("/srv/data/media_files/bench")  # noqa: S108
DATABASE, TABLE, MIB = "ticket_db", "bench", 1 << 20
PHASES = ("base backup", "dump of ticket_db", "media")
SAMPLE_S = 0.25


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"/etc/bootstrap/{name}.json").read_text())
    return found


def environment() -> dict[str, str]:
    where, key = read("deployment")["spaces"], read("credentials")["spaces"]
    rclone = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": where["endpoint"],
        "REGION": where["region"],
        "ACCESS_KEY_ID": key["access_key"],
        "SECRET_ACCESS_KEY": key["secret_key"],
    }
    return {
        **os.environ,
        **{f"RCLONE_CONFIG_B_{name}": value for name, value in rclone.items()},
        "PATH": f"{FOLDER}:{os.environ['PATH']}",
        "AT": f"B:{where['bucket']}/bench",
        "TO": read("deployment")["backup"]["recipient"],
        "KEY": str(FOLDER / "recovery.key"),
        "DB": told("docker", "ps", "--quiet", "--filter=label=com.docker.compose.service=db"),
        "AWS_ACCESS_KEY_ID": key["access_key"],
        "AWS_SECRET_ACCESS_KEY": key["secret_key"],
        "RESTIC_REPOSITORY": f"s3:{where['endpoint']}/{where['bucket']}/bench-restic",
        "RESTIC_PASSWORD": "of a benchmark",
        "RESTIC_CACHE_DIR": str(FOLDER / "cache"),
    }


def told(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def sql(text: str, database: str = DATABASE) -> str:
    argv = ["docker", "exec", "--interactive", environment()["DB"], "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run([*argv, f"--dbname={database}"], input=text, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def timed(script: str) -> float:
    argv = ["bash", "-euo", "pipefail", "-c", script]
    began = time.monotonic()
    subprocess.run(argv, env=environment(), check=True, stdout=sys.stderr, start_new_session=True)
    return time.monotonic() - began


def timed_behind(script: str) -> float:
    """As the agent backs up: whoever else wants the CPU goes first."""
    return timed(f"renice --priority 10 $$ >&2; echo 10 >/proc/self/autogroup || true; {script}")


def fill(size: int) -> dict[str, float]:
    """`size` MiB of rows that shrink as people's text does, and of files that do not shrink, as pictures do not."""
    if len(told("docker", "ps", "--quiet")) == 0:
        raise SystemExit("no stack here")
    words = "string_agg(md5((n * 7 + i)::text), ' ')"
    sql(f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (n int, t text);")
    # a row of a KiB: half of it is said twice
    rows = f"SELECT n, t || t FROM (SELECT n, (SELECT {words} FROM generate_series(1, 15) i) AS t"  # noqa: S608
    sql(f"INSERT INTO {TABLE} {rows} FROM generate_series(1, {size * 1000}) n) AS made;")
    MEDIA.mkdir(exist_ok=True)
    for number in range(size):
        (MEDIA / str(number)).write_bytes(os.urandom(MIB))
    os.sync()
    while int(sql("SELECT (pg_current_wal_lsn() - min(restart_lsn))::bigint FROM pg_replication_slots")) > 32 * MIB:
        time.sleep(1)
    return {"rows": int(sql(f"SELECT pg_total_relation_size('{TABLE}') / {MIB}"))}


def agent(*words: str, stdin: str = "") -> dict[str, Any]:
    """One command of the agent's: how long in all and from one of its notes to the next, and what it and its children
    took at most."""
    marks: list[tuple[str, float]] = []
    began = time.monotonic()
    process = subprocess.Popen(
        [AGENT, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(stdin)
    process.stdin.close()
    memory = Memory(process.pid)
    memory.start()
    for line in process.stderr:
        marks.append((line.strip(), time.monotonic()))
    answer = process.stdout.read()
    if process.wait() != 0:
        raise SystemExit(f"{words}: {marks}")
    ended = time.monotonic()
    ends = [at for _, at in marks[1:]] + [ended]
    phases = {name: end - at for (name, at), end in zip(marks, ends, strict=True)}
    return {"seconds": ended - began, "phases": phases, "answer": json.loads(answer), **memory.told()}


class Memory(threading.Thread):
    """Of a process and its children, as PSS: a page that several share counts once. The peak of a sample each quarter
    of a second with what it was made of, and the most that the process itself ever had."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._most, self._own = pid, dict[str, float](), 0.0

    def run(self) -> None:
        while Path(f"/proc/{self._pid}").exists():
            now: dict[str, float] = {}
            for one in family(self._pid):
                name, mib = of_its_own(one, self._pid)
                now[name] = now.get(name, 0) + mib
            if sum(now.values()) > sum(self._most.values()):
                self._most = now
            self._own = max(self._own, field(self._pid, "status", "VmHWM"))
            time.sleep(SAMPLE_S)

    def told(self) -> dict[str, Any]:
        return {"agent_mib": self._own, "all_mib": sum(self._most.values()), "of_which": self._most}


def family(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def of_its_own(pid: int, parent: int) -> tuple[str, float]:
    """A child that has not begun its program yet still runs in its parent's memory, which PSS counts once more."""
    before, mib, after = program(pid), field(pid, "smaps_rollup", "Pss"), program(pid)
    if pid != parent and (not after or before != after or after == program(parent)):
        return "begun", 0
    return Path(after).name, mib


def program(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def field(pid: int, file: str, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0)


def back_up(_: int) -> dict[str, Any]:
    return agent("backup", "now")


def others(_: int) -> dict[str, float]:
    """Each once, one after the other."""
    timed("restic init --quiet")
    return {
        **others_again(_),
        "restic": timed_behind("restic backup --quiet /srv/data/media_files"),
        "restic again": timed_behind("restic backup --quiet /srv/data/media_files"),
    }


def others_again(_: int) -> dict[str, float]:
    seal = 'zstd --quiet -3 | age --encrypt --recipient "$TO"'
    return {
        "dump": timed_behind(f'docker exec "$DB" pg_dump --dbname={DATABASE} | {seal} | rclone rcat "$AT/dump"'),
        "media": timed_behind(f'tar --create --directory=/srv/data media_files | {seal} | rclone rcat "$AT/media"'),
    }


def others_restore(_: int) -> dict[str, float]:
    sql("DROP DATABASE IF EXISTS bench_back", "postgres")
    sql("CREATE DATABASE bench_back", "postgres")
    opened = 'age --decrypt --identity "$KEY" | zstd --quiet --decompress'
    load = 'docker exec --interactive "$DB" psql -XqAt --single-transaction --output=/dev/null --dbname=bench_back'
    back = "/srv/data/bench-back"
    try:
        return {
            "dump": timed(f'rclone cat "$AT/dump" | {opened} | {load}'),
            "media": timed(f'mkdir {back}; rclone cat "$AT/media" | {opened} | tar --extract --directory={back}'),
            "restic": timed(f"rm -r {back}; restic restore latest --quiet --target={back}"),
        }
    finally:
        sql("DROP DATABASE bench_back", "postgres")
        timed(f"rm -rf {back}")


def restore(_: int) -> dict[str, Any]:
    """The newest backup whole, onto what runs; then the stack is started again, which is not counted."""
    key = next(line for line in (FOLDER / "recovery.key").read_text().splitlines() if line.startswith("AGE-SECRET"))
    found = agent("restore", "latest", stdin=json.dumps({"identity": key}))
    agent("stack", "up")
    return found


WHAT = {
    "fill": fill,
    "back-up": back_up,
    "others": others,
    "others-again": others_again,
    "others-restore": others_restore,
    "restore": restore,
}

if __name__ == "__main__":
    print(json.dumps(WHAT[sys.argv[1]](int(sys.argv[2]))))
