"""A replacement's page and its figures, rendered and read."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.adapters.http import halved
from bootstrap.errors import BootstrapError
from bootstrap.operations import history
from bootstrap.operations.redeploy import page
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.ports.web import ProbeReport, Sample
from bootstrap_agent.contract.history import Step
from tests.fakes.world import World
from tests.pages import Page

STEPS = (
    Step("create candidate: a droplet from the image", 0.5, 20.0),
    Step("droplet s-2vcpu-4gb", 1.0, 15.0, depth=1),
    Step("stop live: visitors wait", 21.0, 3.0),
    Step("move volume: detached, attached", 24.0, 9.0),
    Step("start candidate: stack up", 33.0, 5.0),
    Step("move address: in one call", 38.0, 0.5),
    Step("retire old: deleted", 39.0, 4.0),
)
SAMPLES = (Sample(0.0, 0.02, True), Sample(20.0, 17.6, True), Sample(20.1, 60.0, False), Sample(42.0, 0.02, True))
SEEN = ProbeReport(4, 1, 60.1, 17.6, "https://example.com/health/: timed out", SAMPLES, 0.0)


def rendered(**changed: Any) -> Page:
    values: dict[str, Any] = {
        "kind": "redeploy",
        "domain": "example.com",
        "began": datetime(2026, 11, 29, 12, tzinfo=timezone.utc),
        "by": "ada@laptop",
        "command": "bootstrap redeploy",
        "steps": STEPS,
        "seen": SEEN,
        "probed_after": 0.4,
        "machines": {"before": "old", "now": "new"},
        "report": {"own_s": 8.5, "provider_s": None},
        "problem": None,
    }
    return Page(page.page(**{**values, **changed}))


def test_the_hold_is_from_the_stop_until_somebody_has_the_address() -> None:
    assert page.hold_of(STEPS) == page.Hold(21.0, 38.5)
    assert page.hold_of(STEPS[:2]) is None
    back = (*STEPS[:3], Step("start live: stack up", 30.0, 6.0))
    assert page.hold_of(back) == page.Hold(21.0, 36.0)
    # one that failed ended nothing: what came after it did
    failed = Step("move address: in one call", 26.0, 1.0, failed=True)
    assert page.hold_of((*STEPS[:3], failed, Step("start live: stack up", 30.0, 6.0))) == page.Hold(21.0, 36.0)
    assert page.hold_of((*STEPS[:3], failed)) == page.Hold(21.0, 27.0)


def test_the_page_says_what_counts_and_asks_nobody() -> None:
    seen = rendered()
    assert "Redeploy of example.com: done" in seen.text and "2026-11-29 12:00:00 UTC, by ada@laptop" in seen.text
    assert "Longest wait 17.6 s" in seen.text.replace("wait17", "wait 17")
    assert "our own share 8.5 s" in seen.text and "17.5 s" in seen.text
    bars = seen.of_class("bar")
    assert len(bars) == 6 and [bar["class"] for bar in bars] == ["bar ", *["bar held"] * 4, "bar "]
    lefts = [float((bar["style"] or "").split(":")[1].split("%")[0]) for bar in bars]
    assert lefts == sorted(lefts) and lefts[-1] == pytest.approx(100 * 39 / 43, abs=0.01)
    (band,), dots = seen.of_class("band"), seen.of_class("dot")
    assert float(band["x"] or 0) == pytest.approx(100 * 21 / 80, abs=1) and len(dots) == 2
    assert (dots[0]["d"] or "").count("M") == 3 and (dots[1]["d"] or "").count("M") == 1


def test_a_hold_that_was_measured_counts_more_than_the_steps() -> None:
    assert "New visitors were held16.2 s" in rendered(report={"hold_s": 16.2}).text
    figures = page.figures(SEEN, STEPS, {"hold_s": 16.2, "own_s": 7.7, "requests": 9, "steps": {}})
    assert figures == {"requests": 4, "failed": 1, "longest_s": 17.6, "outage_s": 60.1, "hold_s": 16.2, "own_s": 7.7}


def test_one_that_was_given_back_and_one_that_nobody_asked() -> None:
    problem = 'auth-service is ill <script>alert("x")</script>'
    seen = rendered(problem=problem, steps=STEPS[:2], seen=ProbeReport(0, 0, 0.0, 0.0, None), report={})
    assert "given back" in seen.text and problem in seen.text
    assert "No request was kept" in seen.text and "never" in seen.text and not seen.of_class("band")


def test_a_redeploy_leaves_its_page_beside_its_event(world: World) -> None:
    report = redeploy(world.env())
    (found,) = history.happened(world.env(), kinds=["redeploy"])
    assert found.page == report.page and found.event.image == "newer"
    assert {"requests", "failed", "longest_s", "outage_s", "hold_s"} <= found.event.figures.keys()
    seen = Page(history.page_of(world.env(), found.event))
    assert report.new.name in seen.text and "newer" in seen.text
    # another computer has it from the bucket
    world.folder /= "another"
    assert Page(history.page_of(world.env(), found.event)).text == seen.text
    assert history.happened(world.env(), kinds=["redeploy"])[0].page == f"example_com/history/{found.event.id}.html"


def test_one_that_gives_back_leaves_its_page_too(world: World) -> None:
    world.ill_images = {image.id for image in world.cloud.images() if image.name == "newer"}
    with pytest.raises(BootstrapError) as failure:
        redeploy(world.env())
    (found,) = history.happened(world.env(), kinds=["redeploy"])
    assert (found.state, found.event.problem) == ("given back", failure.value.message)
    assert "given back" in Page(history.page_of(world.env(), found.event)).text


@given(st.lists(st.builds(Sample, st.floats(0, 1e4), st.floats(0, 60), st.booleans()), max_size=50))
def test_a_halved_list_of_samples_forgets_no_failure_and_no_longest_wait(samples: list[Sample]) -> None:
    fewer = halved(samples)
    assert len(fewer) == (len(samples) + 1) // 2
    assert any(not one.right for one in fewer) == any(not one.right for one in samples)
    rights = [one.waited for one in samples if one.right]
    if rights and all(one.right for one in samples):
        assert max(one.waited for one in fewer) == max(rights)
