"""A dump made fit for another owner: what names roles goes, and nothing within a row, a text or a body does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.intake.script import adapted

DUMP = r"""--
-- PostgreSQL database dump
--

\restrict abc123

SET statement_timeout = 0;
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;
COMMENT ON EXTENSION hstore IS 'sets of pairs; and more';
CREATE FUNCTION public.tell(n integer) RETURNS text LANGUAGE plpgsql AS $_$
BEGIN
GRANT ALL ON TABLE x TO nobody;
-- it's $$ within
ALTER TABLE x OWNER TO nobody;
RETURN 'x;';
END;
$_$;
ALTER FUNCTION public.tell(n integer) OWNER TO "odd ""role";
CREATE TABLE public.note (
    id bigint NOT NULL, -- ';
    text text DEFAULT E'it\'s
REVOKE ALL ON x FROM y;
' NOT NULL
);
ALTER TABLE public.note OWNER TO shop;
ALTER SEQUENCE public.note_id_seq OWNED BY public.note.id;
COPY public.note (id, text) FROM stdin;
1	GRANT ALL;
2	\\restrict
\restrict 3
\\.
\.
COPY public.nothing (id) FROM stdin;
\.
INSERT INTO public.note VALUES (4, 'two
GRANT ALL ON TABLE x TO nobody;
it''s
ALTER TABLE x OWNER TO y;
');
COMMENT ON TABLE public.note IS 'GRANT;';
SELECT pg_catalog.setval('public.note_id_seq', 4, true);
GRANT ALL ON TABLE public.note TO reader;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO reader;
\unrestrict abc123
"""
GONE = (
    "\\restrict abc123\n",
    "COMMENT ON EXTENSION hstore IS 'sets of pairs; and more';\n",
    'ALTER FUNCTION public.tell(n integer) OWNER TO "odd ""role";\n',
    "ALTER TABLE public.note OWNER TO shop;\n",
    "GRANT ALL ON TABLE public.note TO reader;\n",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC;\n",
    "ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO reader;\n",
    "\\unrestrict abc123\n",
)
EXTENSION = "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n"


def fitted(text: str, size: int = 1 << 20, role: str = "app") -> str:
    data = text.encode()
    return b"".join(adapted((data[at : at + size] for at in range(0, len(data), size)), role)).decode()


def expected() -> str:
    text = DUMP.replace(EXTENSION, f'RESET ROLE;\n{EXTENSION}SET ROLE "app";\n')
    for line in GONE:
        assert text.count(line) == 1
        text = text.replace(line, "")
    return 'SET ROLE "app";\n' + text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1 << 20])
def test_however_it_comes_in_pieces(size: int) -> None:
    assert fitted(DUMP, size) == expected()


def test_lines_may_end_as_on_windows() -> None:
    text = fitted(DUMP.replace("\n", "\r\n"), 11)
    assert "OWNER TO shop" not in text and "1\tGRANT ALL;\r\n" in text and "\\.\r\nINSERT" in text


@given(st.lists(st.text(alphabet="GRANT ;\\.'\"$-\n\tE", max_size=30)), st.integers(1, 40))
def test_texts_and_rows_arrive_unchanged(texts: list[str], size: int) -> None:
    body = "".join("INSERT INTO t VALUES ('{}');\n".format(text.replace("'", "''")) for text in texts)
    rows = "".join(text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") + "\n" for text in texts)
    dump = f"{body}COPY public.t (a) FROM stdin;\n{rows}\\.\nGRANT ALL ON t TO x;\n{body}"
    assert fitted(dump, size) == 'SET ROLE "app";\n' + dump.replace("GRANT ALL ON t TO x;\n", "")


@pytest.mark.parametrize(
    "line", ["\\connect other\n", "\\c other\n", "CREATE DATABASE x;\n", "CREATE ROLE x;\n", "\\! id\n"]
)
def test_what_leads_elsewhere_is_refused(line: str) -> None:
    with pytest.raises(BackupError, match="no dump of one database"):
        fitted(f"SELECT 1;\n{line}")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; \\! id\n",
        "CREATE TABLE t (\n\\connect other\n);\n",
        "SELECT 1 \\gexec\n",
        "SELECT 'a' \\o x\n;\n",
        "SELECT E'\\'' \\! id\n;\n",
        "CREATE EXTENSION x; \\! id;\n",
        "/* /* */ ' */ SELECT 1 \\! id '\n",
        "-- a comment\r\\! id\n",
        "SELECT 1$a$ ' $a$ \\! id '\n",
        "SELECT é$a$ \\! id $a$\n",
        "COPY t FROM '/x'; -- FROM stdin;\n\\! id\n\\.\n",
        "SELECT (;\nCOPY t FROM stdin;\n\\! id\n\\.\n",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\nCOPY t FROM stdin;\n\\! id\n\\.\nEND;\n",
        "\\.\n",
    ],
)
def test_psql_is_told_nothing_but_sql(text: str) -> None:
    """It obeys a backslash wherever no text is open, by its own reading of that."""
    for size in (1, 1 << 20):
        with pytest.raises(BackupError, match="no dump of one database"):
            fitted(text, size)


@pytest.mark.parametrize(
    "statement",
    [
        "RESET ROLE",
        "reset role",
        "RESET\n  ROLE",
        "RESET /* */ ALL",
        "DISCARD ALL",
        "SET ROLE postgres",
        "SET ROLE NONE",
        "SET LOCAL ROLE postgres",
        "SET SESSION ROLE 'postgres'",
        "SET role = postgres",
        'SET "role" = postgres',
        "SELECT 1; SET SESSION AUTHORIZATION postgres",
        "SET SESSION SESSION AUTHORIZATION DEFAULT",
        "SET session_authorization = postgres",
        "SELECT 1; RESET SESSION AUTHORIZATION",
        "SET standard_conforming_strings = off",
        "SET standard_conforming_strings TO 'off'",
        "SELECT 1; CREATE DATABASE x",
        "COPY t FROM stdin WITH (FORMAT binary)",
        "COPY t FROM stdin; SELECT 1",
        "COPY t FROM stdin \n; SELECT 1",
    ],
)
def test_nobody_becomes_another_and_no_text_is_read_otherwise(statement: str) -> None:
    with pytest.raises(BackupError, match="no dump of one database"):
        fitted(f"SELECT 1;\n{statement};\n")


@pytest.mark.parametrize(
    "text",
    [
        "SET standard_conforming_strings = on;\nSET row_security = off;\nSET default_tablespace = '';\n",
        "INSERT INTO t VALUES ('\\! id; RESET ROLE;', E'it\\'s \\\\', $$\\!$$, \"a\\b\");\n",
        "CREATE VIEW v AS SELECT 1e10, 1.5E-3, .5, U&'d', b'1', x'ff', t.\"role\", a$b FROM t;\n",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $A$\n\\! $a$ ;\n$A$;\n",
        "CREATE RULE r AS ON INSERT TO t DO (UPDATE t SET role = 'x'; SELECT 1);\n",
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql\n    BEGIN ATOMIC\n SELECT CASE WHEN $1 > 0 THEN 1 END;\n"
        " SELECT 2;\nEND;\nCOPY t FROM stdin;\n\\N\tit's\n\\.\n",
        "ALTER ROLE x SET role = y;\nALTER DATABASE x SET role TO y;\n",
        "/* a /* nested */ one \\ */\n-- \\connect other\nSELECT 1;\n",
        "copy t from stdin;\n\\! 1\n\\.\nSELECT 1;\n",
        'COPY "odd "" FROM stdin" ("a;b") FROM stdin;\n\\N\n\\.\nSELECT 1;\n',
    ],
)
def test_what_a_dump_may_hold_arrives_unchanged(text: str) -> None:
    for size in (1, 1 << 20):
        assert fitted(text, size) == f'SET ROLE "app";\n{text}'
    assert fitted(text.replace("\n", "\r\n")) == 'SET ROLE "app";\n' + text.replace("\n", "\r\n")


def test_rows_without_an_end_are_refused() -> None:
    with pytest.raises(BackupError, match="ends in the middle of a table"):
        fitted("COPY public.t (a) FROM stdin;\n1\n")


def test_a_role_with_quotes() -> None:
    assert fitted("SELECT 1;\n", role='a"b').startswith('SET ROLE "a""b";\n')
