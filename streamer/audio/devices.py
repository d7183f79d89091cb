"""The microphones of this machine."""

from dataclasses import dataclass
from types import ModuleType

from streamer.errors import InputError


@dataclass(frozen=True, slots=True)
class Microphone:
    """A device that can record.

    Attributes:
        index: PortAudio's number; may change when devices are plugged in or out.
        name: name given by the driver.
        host_api: sound system, such as "ALSA", "Core Audio" or "Windows WASAPI".
        channels: number of channels.
        default_rate: sample rate, in Hz.
        is_default: whether it is the default device.
    """

    index: int
    name: str
    host_api: str
    channels: int
    default_rate: float
    is_default: bool


def load_sounddevice() -> ModuleType:
    """Import sounddevice, which loads PortAudio.

    Raises:
        InputError: the PortAudio library is missing.
    """
    try:
        import sounddevice
    except OSError as error:
        raise InputError(
            "microphones need the PortAudio library: install libportaudio2 "
            "(Debian and Ubuntu: apt-get install libportaudio2), or portaudio (Fedora, Arch)"
        ) from error
    module: ModuleType = sounddevice
    return module


def list_microphones() -> list[Microphone]:
    """The devices that can record, in PortAudio's order."""
    sd = load_sounddevice()
    hosts = sd.query_hostapis()
    default = sd.default.device[0]
    if default < 0 and hosts:
        default = hosts[0]["default_input_device"]
    return [
        Microphone(
            index=device["index"],
            name=device["name"],
            host_api=hosts[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            default_rate=device["default_samplerate"],
            is_default=device["index"] == default,
        )
        for device in sd.query_devices()
        if device["max_input_channels"] > 0
    ]


def find_microphone(device: str | int | None) -> Microphone:
    """Find a microphone.

    Args:
        device: its number; its name or a part of the name, in any case; None for the default.

    Raises:
        InputError: no microphone matches, or several do.
    """
    microphones = list_microphones()
    hint = "`merits devices` lists the microphones"
    if not microphones:
        raise InputError("no microphone found: plug one in, or check that this user may record")
    if device is None:
        return next((m for m in microphones if m.is_default), microphones[0])
    if isinstance(device, int):
        found = [m for m in microphones if m.index == device]
    else:
        found = [m for m in microphones if m.name == device] or [
            m for m in microphones if device.lower() in m.name.lower()
        ]
    if not found:
        raise InputError(f"no microphone {device!r}; {hint}")
    names = {m.name for m in found}
    if len(names) > 1:
        raise InputError(f"{device!r} may be any of {', '.join(sorted(names))}; {hint}")
    return next((m for m in found if m.is_default), found[0])
