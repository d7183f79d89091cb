"""The report: one self-contained HTML file with timeline, shares, turning points and words.

It loads nothing: a Content-Security-Policy allows only the page's own style and script, by their hashes,
and the sound. All text is escaped by the template.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

from streamer.outputs.palette import PLEASANT, UNPLEASANT, Look, looks
from streamer.reports.drawing import view
from streamer.reports.formats.xml import templates
from streamer.reports.record import Record

_PAGE = Path(__file__).parent / "page"


def to_html(record: Record, sound: str | None) -> str:
    """Convert a session to a page.

    Args:
        record: the session.
        sound: URL of its recording: a `data:` URL, or a link.
    """
    style = _own("style.css") + _colours(looks(record.labels))
    script = _own("script.js")
    policy = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if sound is not None:
        policy["media-src"] = "data:" if sound.startswith("data:") else "'self' file: http: https:"
    page: str = (
        templates("page")
        .get_template("template.html")
        .render(
            view(record),
            sound=sound,
            style=Markup(style),
            script=Markup(script),
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        )
    )
    return page


@cache
def _own(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")


def _colours(by_label: dict[str, Look]) -> str:
    """CSS colours: fills suit light and dark backgrounds; text has a shade for each."""
    light = [
        f".e{index} {{ --fill: {look.colour}; --text: {look.on_light}; }}"
        for index, look in enumerate(by_label.values())
    ]
    dark = [f".e{index} {{ --text: {look.on_dark}; }}" for index, look in enumerate(by_label.values())]
    moods = {".pleasant": PLEASANT, ".unpleasant": UNPLEASANT}
    light += [f"{kind} {{ fill: {look.colour}; color: {look.on_light}; }}" for kind, look in moods.items()]
    dark += [f"{kind} {{ color: {look.on_dark}; }}" for kind, look in moods.items()]
    dark_rules = "\n".join(dark)
    return "\n".join([*light, f"@media (prefers-color-scheme: dark) {{\n{dark_rules}\n}}", ""])


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
