"""The rules of EmotionML 1.0 (W3C Recommendation, 22 May 2014): its schema's, and those a schema cannot say.

Written from the specification, not from what this program writes.
"""

import re
from xml.etree import ElementTree as ET

_NS = "{http://www.w3.org/2009/10/emotionml}"
_DESCRIPTIONS = ("category", "dimension", "appraisal", "action-tendency")
_SETS = {f"{kind}-set": kind for kind in _DESCRIPTIONS}
_TIMES = {"start", "end", "duration", "time-ref-uri", "time-ref-anchor-point", "offset-to-start"}
_ROLES = {"expressedBy", "experiencedBy", "triggeredBy", "targetedAt"}
_NMTOKEN = re.compile(r"[\w.:·-]+")
_NCNAME = re.compile(r"[^\W\d][\w.·-]*")
_INTEGER = re.compile(r"[+-]?\d+")
_URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")


def check(document: bytes) -> ET.Element:
    """Parse a document and hold it to the rules.

    Raises:
        AssertionError: it breaks one.
        ParseError: it is no XML.
    """
    root = ET.fromstring(document)
    assert root.tag == f"{_NS}emotionml", "the root is emotionml"
    assert root.get("version") == "1.0", "the root says version 1.0"
    assert set(root.attrib) - {"version", *_SETS} == set(), "the root's attributes"
    kinds = [child.tag.removeprefix(_NS) for child in root]
    assert kinds[1:].count("info") == 0, "info comes first, at most once"
    assert set(kinds) <= {"info", "vocabulary", "emotion"}, "the root's children"
    ids = [value for element in root.iter() for name, value in element.items() if _is_id(element, name)]
    assert len(ids) == len(set(ids)), "ids are unique in the document"
    assert all(_NCNAME.fullmatch(id_) for id_ in ids), "ids are NCNames"
    vocabularies = {one.attrib["id"]: _vocabulary(one) for one in root.iter(f"{_NS}vocabulary")}
    declared = _sets(root, vocabularies)
    for emotion in root.iter(f"{_NS}emotion"):
        _emotion(emotion, declared | _sets(emotion, vocabularies), set(ids))
    for info in root.iter(f"{_NS}info"):
        assert all(not child.tag.startswith(_NS) for child in info), "info holds nothing of EmotionML"
    return root


def _is_id(element: ET.Element, name: str) -> bool:
    xml_id = "{http://www.w3.org/XML/1998/namespace}id"
    return name == xml_id or (name == "id" and element.tag.startswith(_NS))


def _vocabulary(element: ET.Element) -> tuple[str, set[str]]:
    assert set(element.attrib) == {"type", "id"}, "a vocabulary has a type and an id"
    assert element.attrib["type"] in _DESCRIPTIONS
    items = element.findall(f"{_NS}item")
    assert items, "a vocabulary has items"
    names = [item.attrib["name"] for item in items]
    assert len(names) == len(set(names)), "items have names of their own"
    assert all(_NMTOKEN.fullmatch(name) for name in names), "items' names are NMTOKENs"
    return element.attrib["type"], set(names)


def _sets(element: ET.Element, vocabularies: dict[str, tuple[str, set[str]]]) -> dict[str, set[str]]:
    found = {}
    for attribute, kind in _SETS.items():
        if (uri := element.get(attribute)) is not None:
            assert uri.startswith("#"), "vocabularies are in the document itself"
            type_, names = vocabularies[uri[1:]]
            assert type_ == kind, f"{attribute} names a vocabulary of type {kind}"
            found[kind] = names
    return found


def _emotion(emotion: ET.Element, declared: dict[str, set[str]], ids: set[str]) -> None:
    assert set(emotion.attrib) <= {"id", "version", "expressed-through", *_SETS, *_TIMES}
    children = [child.tag.removeprefix(_NS) for child in emotion]
    order = [0 if kind == "info" else 2 if kind == "reference" else 1 for kind in children]
    assert order == sorted(order), "info, then descriptions, then references"
    assert order.count(0) <= 1
    assert order.count(1) >= 1, "an emotion says something"
    assert set(children) <= {"info", "reference", *_DESCRIPTIONS}
    for kind in _DESCRIPTIONS:
        names = [child.attrib["name"] for child in emotion.findall(f"{_NS}{kind}")]
        assert not names or kind in declared, f"a {kind} needs a {kind}-set"
        assert set(names) <= declared.get(kind, set()), "names are those of the vocabulary"
        assert len(names) == len(set(names)), "each name at most once in an emotion"
    for child in emotion:
        if child.tag.removeprefix(_NS) in _DESCRIPTIONS:
            _description(child)
    for name in ("start", "end", "duration"):
        assert (value := emotion.get(name)) is None or (_INTEGER.fullmatch(value) and int(value) >= 0)
    if emotion.get("start") and emotion.get("end"):
        assert int(emotion.attrib["end"]) >= int(emotion.attrib["start"])
    if (offset := emotion.get("offset-to-start")) is not None:
        assert _INTEGER.fullmatch(offset)
        assert emotion.get("time-ref-uri"), "an offset is relative to something"
    assert _URI.fullmatch(emotion.get("time-ref-uri", ""))
    assert all(_NMTOKEN.fullmatch(token) for token in emotion.get("expressed-through", "text").split())
    for reference in emotion.findall(f"{_NS}reference"):
        assert {"uri"} <= set(reference.attrib) <= {"uri", "role", "media-type"}
        assert _URI.fullmatch(reference.attrib["uri"])
        assert reference.get("role", "expressedBy") in _ROLES
        if reference.attrib["uri"].startswith("#"):
            assert reference.attrib["uri"][1:] in ids, "what is referred to in the document is there"


def _description(element: ET.Element) -> None:
    assert {"name"} <= set(element.attrib) <= {"name", "value", "confidence"}
    for name in ("value", "confidence"):
        assert 0 <= float(element.get(name, 0)) <= 1, "scale values lie between 0 and 1"
    traces = element.findall(f"{_NS}trace")
    assert len(traces) <= 1
    assert not (traces and "value" in element.attrib), "a value or a trace"
    if element.tag == f"{_NS}dimension":
        assert traces or "value" in element.attrib, "a dimension has a value or a trace"
