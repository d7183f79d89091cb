"""The broker's address: what is understood, and that the password stays secret."""

import pytest

from streamer.errors import InputError
from streamer.outputs.mqtt.address import BrokerAddress


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://localhost", BrokerAddress("localhost", 1883)),
        ("mqtt://localhost/", BrokerAddress("localhost", 1883)),
        ("mqtts://broker.example", BrokerAddress("broker.example", 8883, tls=True)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtt://ann@host", BrokerAddress("host", 1883, username="ann")),
        ("mqtt://host/home/upstairs/", BrokerAddress("host", 1883, prefix="home/upstairs")),
        (
            "mqtt://a%40b:p%3Fw%23%2F%25@host:1/r%C3%A4ume",
            BrokerAddress("host", 1, username="a@b", password="p?w#/%", prefix="räume"),
        ),
    ],
)
def test_addresses(url: str, address: BrokerAddress) -> None:
    assert BrokerAddress.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:1883",
        "http://ann:s3cret@host",
        "mqtt://",
        "mqtt://ann:s3cret@",
        "mqtt://ann:s3cret@host:0",
        "mqtt://ann:s3cret@host:99999",
        "mqtt://ann:s3cret@host:port",
        "mqtt://ann:s3cret@[::1",
        "mqtt://ann:s3cret?@host",
        "mqtt://ann:s3cret@host/a#b",
        "mqtt://ann:s3cret@host/a+b",
        "mqtt://ann:s3cret@host/a%00b",
        "mqtt://ann:s3cret@host/$SYS",
        f"mqtt://ann:s3cret@{'x' * 64}.example",
    ],
)
def test_what_is_no_address_is_said_in_one_line_without_the_password(url: str) -> None:
    with pytest.raises(InputError) as said:
        BrokerAddress.parse(url)
    assert "s3cret" not in str(said.value)
    assert "\n" not in str(said.value)


def test_the_password_is_not_shown() -> None:
    address = BrokerAddress.parse("mqtts://ann:s3cret@host")
    assert str(address) == "mqtts://host:8883"
    assert "s3cret" not in repr(address)
