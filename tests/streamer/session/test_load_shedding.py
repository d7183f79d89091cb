"""What is said when time is short."""

from streamer.session.load_shedding import CALM_S, LoadShedder


def test_it_is_said_once_when_it_begins_and_once_when_it_is_over() -> None:
    load = LoadShedder()
    assert load.report(0) is None
    load.shed("partials", 1)
    first = load.report(1)
    assert first is not None
    assert first.status == "degraded"
    assert "partials" in first.message
    load.shed("speculation", 2)
    assert load.report(2) is None
    assert load.report(2 + 0.9 * CALM_S) is None
    over = load.report(2 + 1.1 * CALM_S)
    assert over is not None
    assert over.status == "ok"
    assert load.report(100) is None
    assert load.counts == {"partials": 1, "speculation": 1}


def test_turns_that_wait_count_for_as_long_as_they_do() -> None:
    load = LoadShedder()
    load.set_backlog(8)
    said = load.report(0)
    assert said is not None
    assert said == ("degraded", "analysis is behind: 8 turns wait")
    assert load.report(100) is None
    load.set_backlog(0)
    over = load.report(100)
    assert over is not None
    assert over.status == "ok"


def test_a_recogniser_in_trouble_is_told_of_once_whatever_the_load() -> None:
    load = LoadShedder()
    said = load.report(0, "the server does not answer")
    assert said == ("degraded", "the server does not answer")
    load.shed("partials", 1)
    assert load.report(1, "the server does not answer") is None
    assert load.report(2, None) == ("degraded", "time is short: partials left out")
    assert load.report(3, "again") == ("degraded", "again; time is short: partials left out")
    assert load.report(3 + CALM_S, "again") is None
    assert load.report(4 + CALM_S) == ("ok", "the recogniser is back")
