"""When a recogniser that does not listen is asked for words of a turn that goes on."""

from streamer.turn_embedding.interim_pace import InterimPace


def asked_at(pace: InterimPace, start_s: float, end_s: float, took_s: float) -> list[float]:
    """When it is asked, tried eight times a second, where turns end after 0.6 s."""
    asked = []
    for tick in range(round(start_s * 8), round(end_s * 8)):
        if pace.allows(tick / 8, silence_s=0.6):
            asked.append(tick / 8)
            pace.begin(tick / 8)
            pace.end(tick / 8 + took_s)
    return asked


def test_it_answers_one_at_a_time() -> None:
    pace = InterimPace()
    assert pace.allows(0, silence_s=0.6)
    pace.begin(0)
    assert not pace.allows(0.2, silence_s=0.6)
    pace.end(0.2)
    assert pace.allows(0.8, silence_s=0.6)


def test_it_takes_no_more_than_its_share() -> None:
    assert asked_at(InterimPace(), 0, 5, took_s=0.25) == [0, 1, 2, 3, 4]
    assert asked_at(InterimPace(), 0, 1, took_s=0) == [tick / 8 for tick in range(8)]


def test_one_that_would_delay_the_end_of_turns_is_left_alone_for_a_minute() -> None:
    pace = InterimPace()
    assert asked_at(pace, 0, 60, took_s=0.375) == [0]
    assert asked_at(pace, 60, 70, took_s=0) == [60.375, *(60.5 + tick / 8 for tick in range(76))]


def test_what_is_too_slow_depends_on_how_turns_end() -> None:
    pace = InterimPace()
    asked_at(pace, 0, 0.125, took_s=0.375)
    assert not pace.allows(30, silence_s=0.6)
    assert pace.allows(30, silence_s=0.8)
