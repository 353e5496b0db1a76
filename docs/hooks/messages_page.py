"""The index of error messages, read from the calls that raise them: what was found, what was expected, what to do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from pixelwise.core import errors

SOURCE = Path(errors.__file__).parents[1]
ELLIPSIS = "…"
TITLE = """# Every message

All errors that a user can cause, by their type. A message has four parts: where, `found`, `expected`, and what to do.
`…` stands for what differs from case to case: a name, a number, a path. Where Python names a parameter (`width`), the
command line prints the flag (`--width`); its exit code is 2. To find a message, paste some of its words into the
search. [Troubleshooting](../guides/troubleshooting.md) explains the commonest messages.
"""


@dataclass(frozen=True, order=True)
class Message:
    """What an error says, with `ELLIPSIS` in place of values."""

    found: str
    expected: str
    remedy: str


def messages() -> dict[str, list[Message]]:
    """Return the messages by the name of their error class, in alphabetical order, each once."""
    kinds = [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)]
    by_kind: dict[str, set[Message]] = {kind: set() for kind in kinds}
    for path in sorted(SOURCE.rglob("*.py")):
        for kind, message in _calls(ast.parse(path.read_text(encoding="utf-8")), by_kind):
            by_kind[kind].add(message)
    return {kind: sorted(there) for kind, there in by_kind.items() if there}


def messages_page() -> str:
    """Return the page in Markdown."""
    parts = [TITLE]
    for kind, there in messages().items():
        summary = (inspect.getdoc(getattr(errors, kind)) or "").partition("\n")[0]
        parts.append(f"## {kind}\n\n{summary}\n")
        parts += [
            f'<div class="message" markdown="0"><p><b>found</b> {escape(message.found)}; <b>expected</b> '
            f"{escape(message.expected)}.</p><p>{escape(message.remedy)}</p></div>\n"
            for message in there
        ]
    return "\n".join(parts)


def _calls(tree: ast.Module, kinds: dict[str, set[Message]]) -> Iterator[tuple[str, Message]]:
    of_module = _texts_by_name(tree.body)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for scope in (*functions, tree):
        names = of_module if scope is tree else of_module | _texts_by_name(ast.walk(scope))
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                texts = [" ".join(_text(argument, names).split()) for argument in node.args]
                if len(texts) == 4 and any(text.strip(f"{ELLIPSIS} ") for text in texts[1:]):
                    yield node.func.id, Message(*texts[1:])
        if scope is not tree:
            scope.body = []  # read: a function is not read again with the module


def _texts_by_name(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Return what names stand for, of those that are assigned one text."""
    texts: dict[str, set[str]] = {}
    for node in nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        for name, text in pairs:
            if isinstance(name, ast.Name):
                texts.setdefault(name.id, set()).add(_text(text, {}))
    return {name: next(iter(there)) for name, there in texts.items() if len(there) == 1}


def _text(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return an argument's words, with an ellipsis for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value, names) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, names) + _text(node.right, names)
    if isinstance(node, ast.Name):
        return names.get(node.id, ELLIPSIS)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    return ELLIPSIS
