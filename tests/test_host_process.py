"""The library leaves the process it runs in as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = """
import json, logging, os, random, signal, sys, threading, warnings
import numpy as np, torch
from PIL import Image

def umask():
    for line in open("/proc/self/status"):
        if line.startswith("Umask:"):
            return line.split()[1]

def hashed(value):
    return str(hash(repr(value)))

def state():
    return {
        "umask": umask(),
        "Pillow's limit": Image.MAX_IMAGE_PIXELS,
        "environment": dict(os.environ),
        "logging": logging.root.manager.disable,
        "log level": logging.root.level,
        "log handlers": len(logging.root.handlers),
        "random": hashed(random.getstate()),
        "numpy": hashed([part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()]),
        "torch": hashed(torch.get_rng_state().tolist()),
        "torch threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "default type": str(torch.get_default_dtype()),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "warnings": [str(entry) for entry in warnings.filters],
        "show warning": repr(warnings.showwarning),
        "exceptions": [repr(sys.excepthook), repr(threading.excepthook)],
        "folder": os.getcwd(),
    }

os.umask(0o027)
logging.disable(5)
torch.manual_seed(1), np.random.seed(2), random.seed(3)
Image.MAX_IMAGE_PIXELS = 20  # every image here is larger than twice that
# What packages do when they are imported is theirs: filters of warnings, a number that rich draws.
import accelerate, onnx, onnxscript, rich.progress, scipy.ndimage, scipy.sparse, scipy.special, timm, torchvision
torch.manual_seed(1), np.random.seed(2), random.seed(3)
before = state()

import pixelwise as pw
after = {"import": state()}
data = pw.open_dataset("data")
pw.check(data)
after["check"] = state()
run = pw.train(data, out="run", model="segnet_basic", width=1 / 16, epochs=1, quiet=True)
after["train"] = state()
model = pw.load(run.path / "model.onnx")
model.predict("data/images/0.png")
after["predict"] = state()
pw.evaluate(model, data, split="train")
after["evaluate"] = state()
pw.export(run.path, "small.onnx", fast=True)
after["export"] = state()
from pixelwise.analysis.inspect_target import from_name, from_run, from_model_file
from pixelwise.analysis.summary import summarise
narrow = from_name("segnet_basic", 2, 3, None, 1 / 16, [])
for subject in (narrow, from_run(run.path), from_model_file(run.path / "model.onnx")):
    summarise(subject.model, (32, 32), subject.in_channels, effective=subject.has_weights)
after["inspect"] = state()
modes = {name: oct(os.stat(name).st_mode & 0o777) for name in ("small.onnx", "run/report.html")}
changed = {f"{step}: {key}": [before[key], now[key]] for step, now in after.items() for key in now
           if now[key] != before[key]}
print(json.dumps({"changed": changed, "modes": modes}))
"""


def test_nothing_in_the_process_changes(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(8):
        values = np.random.default_rng(number).integers(0, 2, (32, 48), np.uint8)
        Image.fromarray(values * 255).convert("RGB").save(tmp_path / f"data/images/{number}.png")
        Image.fromarray(values).save(tmp_path / f"data/masks/{number}.png")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["changed"] == {}
    assert set(report["modes"].values()) == {"0o640"}  # as the umask asks
