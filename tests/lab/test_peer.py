"""Peers train at the rate that does best in the shortest time; a finished training is not repeated."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from lab.peer import SCRIPTS, Peer, train_at_best_rate

SCRIPT = """
import json, sys
from pathlib import Path
data, out, *options = sys.argv[1:]
values = dict(zip(options[::2], options[1::2]))
folder = Path(out, "val")
folder.mkdir(parents=True)
(folder / "score").write_text(str(-abs(float(values["--rate"]) - 0.02) - float(values["--minutes"])))
Path(out, "done.json").write_text(json.dumps({"ms_an_image": 1000 * float(values["--rate"])}))
"""


def test_the_best_rate_of_the_shortest_time_is_taken(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    peer = Peer("a peer", script, Path(sys.executable), rate_factor=10.0)

    def score(folder: Path) -> float:
        return float((folder / "score").read_text())

    runs = train_at_best_rate(peer, tmp_path / "data", tmp_path / "out", [9.0, 3.0], [1e-3, 2e-3, 4e-3], score)
    assert {minutes: run.rate for minutes, run in runs.items()} == {3.0: 0.02, 9.0: 0.02}
    assert runs[9.0].milliseconds == 20
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folders == ["a-peer-3-0.01", "a-peer-3-0.02", "a-peer-3-0.04", "a-peer-9-0.02"]
    assert train_at_best_rate(peer, tmp_path / "data", tmp_path / "out", [3.0], [2e-3], score)[3.0].rate == 0.02


def test_scripts_import_neither_lab_nor_pixelwise_and_take_the_same_arguments() -> None:
    """They run in environments that have neither."""
    scripts = sorted(SCRIPTS.glob("*.py"))
    assert len(scripts) == 5
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
        assert not {name for name in names if name.split(".")[0] in ("lab", "pixelwise", "pixelwise_scenes")}
        if path.name != "speed_smp.py":
            assert all(f'"{option}"' in text for option in ("out", "--minutes", "--rate")), path.name
            assert "done.json" in text
