"""The outbox: order, bound, and what is shed."""

from streamer.outputs.mqtt.messages import Message
from streamer.outputs.mqtt.outbox import Outbox


def turn(payload: str) -> Message:
    return Message("turn", payload, qos=1)


def state(payload: str) -> Message:
    return Message("state", payload, qos=1, retain=True)


def waiting(outbox: Outbox) -> list[str]:
    return [message.payload for _, message in outbox.peek(100)]


def test_messages_keep_their_order_and_stay_until_confirmed() -> None:
    outbox = Outbox(10)
    for payload in "abc":
        outbox.put(turn(payload))
    first, second = outbox.peek(2)
    assert (first[1].payload, second[1].payload, len(outbox)) == ("a", "b", 3)
    outbox.confirm(first[0])
    outbox.confirm(first[0])
    assert waiting(outbox) == ["b", "c"]


def test_when_full_the_oldest_is_shed_and_counted() -> None:
    outbox = Outbox(3)
    for payload in "abcde":
        outbox.put(turn(payload))
    assert (waiting(outbox), outbox.shed, len(outbox)) == (["c", "d", "e"], 2, 3)


def test_a_message_shed_while_on_its_way_is_confirmed_without_harm() -> None:
    outbox = Outbox(1)
    outbox.put(turn("a"))
    ((on_its_way, _),) = outbox.peek(1)
    outbox.put(turn("b"))
    outbox.confirm(on_its_way)
    assert (waiting(outbox), outbox.shed) == (["b"], 1)


def test_of_retained_and_passing_messages_only_the_newest_waits() -> None:
    outbox = Outbox(4)
    for payload in "abcd":
        outbox.put(turn(payload.upper()))
        outbox.put(state(payload))
        if payload in "ab":
            outbox.put(Message("partial", payload, qos=0))
    assert waiting(outbox) == ["b", "C", "D", "d"]
    assert outbox.shed == 2
