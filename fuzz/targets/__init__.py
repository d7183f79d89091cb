"""Everything that can be fuzzed, by name."""

from importlib import import_module

from fuzz.target import Target

_PLACES = {
    "control": "websocket.CONTROL",
    "settings": "settings.SETTINGS",
    "export": "events.EXPORT",
    "replay": "events.REPLAY",
    "files": "containers.FILES",
    "streams": "containers.STREAMS",
    "wyoming": "wyoming.WYOMING",
    "outbox": "outbox.OUTBOX",
    "connections": "websocket.CONNECTIONS",
    "wire": "websocket.WIRE",
    "bundle": "bundle.BUNDLE",
}
NAMES = tuple(_PLACES)


def find(name: str) -> Target:
    """A target by its name, or by its place, as "package.module:CONSTANT"; only what it needs is imported.

    Raises:
        KeyError: there is none of that name.
    """
    module, sign, constant = name.partition(":")
    if not sign:
        module, _, constant = f"fuzz.targets.{_PLACES[name]}".rpartition(".")
    target: Target = getattr(import_module(module), constant)
    return target
