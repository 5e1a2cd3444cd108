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


def test_rows_without_an_end_are_refused() -> None:
    with pytest.raises(BackupError, match="ends in the middle of a table"):
        fitted("COPY public.t (a) FROM stdin;\n1\n")


def test_a_role_with_quotes() -> None:
    assert fitted("SELECT 1;\n", role='a"b').startswith('SET ROLE "a""b";\n')
