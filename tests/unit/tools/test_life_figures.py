"""The table of a life in docs/benchmarks.md: what is made of figures, and that the rest of the page stays."""

from __future__ import annotations

from tools.life_figures import BEGIN, END, FAST, PAGE, REALISTIC, Figure, Life, acting_s, renewed, table


def life(create_s: float, redeploy_s: float, hold_s: float) -> Life:
    figures = {
        "create": Figure(create_s, 40, create_s / 2),
        "redeploy": Figure(redeploy_s, 50, redeploy_s / 4),
        "its hold": Figure(hold_s),
    }
    return Life(lambda: 0, list, figures)


def test_a_part_counts_once() -> None:
    assert table({FAST: life(10, 20, 8), REALISTIC: life(40, 80, 16)}).splitlines()[2:] == [
        "| create | 10.0 | 40.0 | 50% | 40 | 40 |",
        "| redeploy | 20.0 | 80.0 | 25% | 50 | 50 |",
        "| its hold | 8.0 | 16.0 |  |  |  |",
        "| **the whole life** | 30.0 | 120.0 | 33% | 90 | 90 |",
    ]


def test_a_step_is_timed_and_its_calls_are_counted() -> None:
    counts = iter([3, 10])
    life = Life(lambda: next(counts), list)
    with life.step("create"):
        pass
    (figure,) = life.figures.values()
    assert (figure.calls, figure.acting_s) == (7, 0) and 0 <= figure.seconds < 1


def action(began: str, ended: str | None) -> dict[str, str | None]:
    """On 1970-01-01, minutes and seconds."""
    day = "1970-01-01T00:"
    return {"started_at": f"{day}{began}Z", "completed_at": ended and f"{day}{ended}Z"}


def test_what_is_under_way_side_by_side_counts_once_and_only_within_the_step() -> None:
    before, long, within = action("00:01", "00:09"), action("00:08", "00:30"), action("00:10", "00:20")
    late = action("00:50", None)
    assert acting_s([late, within, long, before], 10, 60) == 20 + 10
    assert acting_s([before], 10, 60) == 0


def test_the_rest_of_the_page_stays() -> None:
    page, lives = PAGE.read_text(), {FAST: life(1, 1, 1), REALISTIC: life(1, 1, 1)}
    assert page.count(BEGIN) == 1
    new = renewed(page, lives, "when")
    assert new.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert new.partition(BEGIN)[2].partition(END)[2] == page.partition(BEGIN)[2].partition(END)[2]
    assert renewed(new, lives, "when") == new
