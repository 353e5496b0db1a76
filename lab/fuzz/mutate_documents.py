"""Changes of JSON, YAML, XML, CSV and plain texts that keep them readable: another value, type, depth or length."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any
from xml.etree import ElementTree

import yaml

from lab.fuzz import hostile

MARK = re.compile(r"""["']?""" + hostile.NEST + r"""["']?""")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
WORD = re.compile(r"[^\s,:;]+")
YAML_TRICKS = (
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
    "names: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nclasses: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\ntrain: *f\nval: *f\n",
    "extra: &x {extra: *x}\n",
    "names: &n [*n]\ntrain: a\nval: b\n",
    "x: !!python/object/apply:os.system ['true']\n",
    "x: !!binary '@@@@'\n",
    "x: !!timestamp 9999-99-99\n",
    "x: 2001-13-45\n",
    "? [a, b]\n: c\n",
    "<<: 5\n",
    "<<: [{a: 1}, 5]\n",
    "x: 1e999\n",
    "x: 190:20:30\n",
    "x: 0o777\n",
    "--- a\n--- b\n",
    "\t- x\n",
    "%YAML 9.9\n---\n",
)
MOST_PLACES = 100_000
"""Among which one is chosen: what anchors of YAML repeat can stand at billions of places."""
ENTITIES = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{i} "' + f"&a{i - 1 or ''};" * 10 + '">' for i in range(1, 10))
    + "]>",
    '<!DOCTYPE a [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
)


def changed_json(text: str, rng: Random) -> str:
    """Return a JSON text with one or several nodes changed. Raises `ValueError` for what is no JSON."""
    content = _changed_nodes(json.loads(text), rng)
    result = json.dumps(content, ensure_ascii=rng.random() < 0.8, indent=rng.choice((None, 1)))
    return _with_nests(result, rng, "[", "]") if rng.random() < 0.7 else _with_nests(result, rng, '{"a":', "}")


def changed_yaml(text: str, rng: Random) -> str:
    """Return a YAML text with nodes changed, or with what only YAML has. Raises `ValueError` for what is no YAML."""
    if rng.random() < 0.25:
        trick = rng.choice(YAML_TRICKS)
        return trick if rng.random() < 0.3 else text + trick if rng.random() < 0.5 else trick + text
    try:
        content = _changed_nodes(yaml.safe_load(text), rng)
        result = yaml.safe_dump(content, allow_unicode=rng.random() < 0.5, default_flow_style=rng.choice((None, True)))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return _with_nests(result, rng, "[", "]")


def changed_xml(text: str, rng: Random) -> str:
    """Return an XML text with elements, attributes or texts changed, or entities. Raises `ValueError` for no XML."""
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    if rng.random() < 0.1:
        name = rng.choice(("&a9;", "&a;", "&b;"))
        body = ElementTree.tostring(root, "unicode")
        return rng.choice(ENTITIES) + body.replace("</", f"{name}</", rng.choice((1, 3)))
    parents = list(root.iter())
    for _ in range(rng.choice((1, 1, 2, 5))):
        _change_element(rng.choice(parents), rng)
    result = ElementTree.tostring(root, "unicode")
    return _with_nests(result, rng, "<image>", "</image>", 20_000)


def changed_text(text: str, rng: Random) -> str:
    """Return a text with numbers, words or lines changed."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = rng.choice((_number, _number, _word, _word, _line, _line, _whole))(text, rng)
    return text


def encoded(text: str, rng: Random) -> bytes:
    """Return the bytes of a text, mostly in UTF-8; lone surrogates as Python writes them where asked to."""
    coding = rng.choice((*["utf-8"] * 12, "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32"))
    return text.encode(coding, "surrogatepass" if coding.startswith("utf") else "replace")


def _changed_nodes(content: Any, rng: Random) -> Any:
    """Return JSON-like content with one or several nodes changed."""
    holder = [copy.deepcopy(content)]
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(islice(_places(holder), MOST_PLACES))
        parent, key = rng.choice(places)
        _change_node(parent, key, rng)
    return holder[0] if holder else None


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where each node stands: its parent and its key there."""
    keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _change_node(parent: Any, key: Any, rng: Random) -> None:
    choice = rng.randrange(9)
    if choice == 0:
        del parent[key]
    elif choice == 1 and isinstance(parent, dict):
        parent[hostile.text(rng) if rng.random() < 0.5 else f"{key}2"] = parent.pop(key)
    elif choice == 2 and isinstance(parent, list):
        parent[key:key] = [copy.deepcopy(parent[key])] * rng.choice((1, 1, 300))
    elif choice == 3:
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"0": parent[key]}
    elif choice == 4 and isinstance(parent[key], str | int | float):
        parent[key] = _alike(parent[key], rng)
    else:
        parent[key] = hostile.value(rng)


def _alike(value: Any, rng: Random) -> Any:
    """Return a value of the same type, or the same in another type."""
    if isinstance(value, str):
        return rng.choice((value.upper(), value + " ", f"../{value}", value * 2, value[::-1], hostile.text(rng)))
    return rng.choice((-value, value + 1, value * 1000, str(value), value / 2, bool(value)))


def _with_nests(text: str, rng: Random, opening: str, closing: str, depth: int = hostile.DEPTH) -> str:
    return MARK.sub(lambda _: hostile.nested(rng.choice((50, 2000, depth)), opening, closing), text)


def _change_element(element: ElementTree.Element, rng: Random) -> None:
    choice = rng.randrange(6)
    if choice <= 2 and element.attrib:
        key = rng.choice(sorted(element.attrib))
        if choice == 0:
            del element.attrib[key]
        elif NUMBER.fullmatch(element.attrib[key]):
            element.set(key, hostile.number(rng))
        else:
            changed = hostile.text(rng) if rng.random() < 0.5 else _number(element.attrib[key], rng)
            element.set(key, changed)
    elif choice == 3:
        element.text = hostile.NEST if rng.random() < 0.2 else hostile.text(rng)
    elif choice == 4 and len(element):
        child = rng.choice(list(element))
        element.extend([child] * rng.choice((1, 300))) if rng.random() < 0.5 else element.remove(child)
    else:
        element.tag = rng.choice(("image", "polygon", "mask", "box", "ellipse", "polyline", "points", "label", "x"))


def _number(text: str, rng: Random) -> str:
    match = _choose_match(NUMBER, text, rng)
    return text if match is None else text[: match.start()] + hostile.number(rng) + text[match.end() :]


def _word(text: str, rng: Random) -> str:
    match = _choose_match(WORD, text, rng)
    if match is None:
        return hostile.text(rng)
    return text[: match.start()] + hostile.text(rng) + text[match.end() :]


def _choose_match(pattern: re.Pattern[str], text: str, rng: Random) -> re.Match[str] | None:
    matches = list(islice(pattern.finditer(text), MOST_PLACES))
    return rng.choice(matches) if matches else None


def _line(text: str, rng: Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    choice = rng.randrange(6)
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines[at:at] = [lines[at]] * rng.choice((1, 300))
    elif choice == 2:
        lines[at:at] = [f"{lines[at]}{i}" for i in range(300)]
    elif choice == 3:
        lines[at] += rng.choice((" ", ",", ":", " 1", ",,,", "\\", '"', "#", "\t")) + hostile.text(rng)
    elif choice == 4:
        lines.insert(at, hostile.text(rng))
    else:
        rng.shuffle(lines)
    return rng.choice(("\n", "\n", "\r\n", "\r")).join(lines)


def _whole(text: str, rng: Random) -> str:
    return rng.choice(
        (text * 50, text.upper(), text.replace(" ", "\t"), f"\ufeff{text}", text + "\0", text.strip(), "")
    )
