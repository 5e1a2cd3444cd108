from __future__ import annotations

import pytest

from localcloud.wire import ApiError, Body, page

ROWS = list(range(45))


def test_pages_cover_every_row_once() -> None:
    seen: list[int] = []
    for number in ("1", "2", "3"):
        shown, _ = page("http://x/v2/things", "things", ROWS, {"page": number, "tag_name": "a"})
        seen += shown
    assert seen == ROWS


def test_links_keep_the_filter_and_end_with_the_last_page() -> None:
    _, first = page("http://x/v2/things", "things", ROWS, {"per_page": "20", "tag_name": "a"})
    assert first["meta"] == {"total": 45}
    assert first["links"]["pages"] == {
        "next": "http://x/v2/things?page=2&per_page=20&tag_name=a",
        "last": "http://x/v2/things?page=3&per_page=20&tag_name=a",
    }
    _, last = page("http://x/v2/things", "things", ROWS, {"page": "3", "per_page": "20"})
    assert set(last["links"]["pages"]) == {"first", "prev"}
    _, only = page("http://x/v2/things", "things", [], {})
    assert only == {"links": {}, "meta": {"total": 0}}


@pytest.mark.parametrize("query", [{"per_page": "201"}, {"page": "0"}, {"page": "x"}])
def test_a_page_that_cannot_be(query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as error:
        page("", "things", ROWS, query)
    assert error.value.status == 422


def test_body_names_the_field_that_is_wrong() -> None:
    body = Body({"name": "", "size": "12", "flag": True, "tags": ["ok:1", "not ok"], "list": 3})
    assert body.number("size") == 12
    for ask, field in (
        (lambda: body.text("name"), "name"),
        (lambda: body.number("flag"), "flag"),
        (lambda: body.tags(), "tags"),
        (lambda: body.items("list"), "list"),
    ):
        with pytest.raises(ApiError, match=field):
            ask()
