"""Two programs under one name: who says what, and that they come to an end."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.mqtt.presence import Presence
from streamer.outputs.mqtt.topics import OFFLINE, ONLINE, StreamMessages

AVAILABILITY, INSTANCE = "merits/kitchen/availability", "merits/kitchen/instance"


def presence(instance: str = "me") -> Presence:
    return Presence(StreamMessages("merits", "kitchen"), instance)


def test_it_says_what_it_is_and_who() -> None:
    one = presence()
    assert one.topics == (AVAILABILITY, INSTANCE)
    for said, payload in ((one.online, ONLINE), (one.offline, OFFLINE)):
        assert (said.topic, said.payload, said.retain, said.instance) == (AVAILABILITY, payload, True, "me")
    assert (one.introduction.topic, one.introduction.payload) == (INSTANCE, "me")
    assert not one.introduction.retain, "nothing of a killed one stays behind"


def test_offline_of_another_is_contradicted() -> None:
    one = presence()
    assert one.hear(AVAILABILITY, OFFLINE, retained=False) == (one.online, False)
    assert one.hear(AVAILABILITY, OFFLINE, retained=True) == (None, False)
    assert one.hear(AVAILABILITY, ONLINE, retained=False) == (None, False)
    assert one.hear(AVAILABILITY, "", retained=False) == (None, False), "removed, until it connects again"


def test_who_finds_somebody_there_introduces_itself() -> None:
    one = presence()
    assert one.hear(AVAILABILITY, ONLINE, retained=True) == (one.introduction, False)
    assert one.hear(INSTANCE, "me", retained=False) == (None, False)
    assert one.hear(INSTANCE, "other", retained=False) == (one.introduction, True)
    assert one.hear(INSTANCE, "other", retained=False) == (None, False)
    assert one.hear(INSTANCE, "third", retained=False) == (one.introduction, False), "said once"
    assert one.hear("elsewhere", "other", retained=False) == (None, False)


@given(st.integers(2, 5), st.randoms())
def test_however_many_there_are_each_learns_of_it_and_then_they_are_silent(
    count: int, chance: object
) -> None:
    programs = [presence(str(number)) for number in range(count)]
    known = [False] * count
    said = [programs[-1].introduction]
    for _ in range(count * count + 1):
        if not said:
            break
        message = said.pop(chance.randrange(len(said)))  # type: ignore[attr-defined]
        for number, program in enumerate(programs):
            answer, stranger = program.hear(message.topic, message.payload, retained=False)
            known[number] |= stranger
            said += [answer] if answer else []
    assert not said
    assert all(known)
