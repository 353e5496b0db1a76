"""The process that writes the live model for the studio, which goes on drawing meanwhile; it ends with its parent.

Started as `python -m pixelwise.studio.live_export_process ARGUMENTS`, where ARGUMENTS is a JSON object.
"""

from __future__ import annotations

import json
import os
import sys

from pixelwise.core.errors import PixelwiseError
from pixelwise.studio.training_process import NICE, end_with_parent, tell


def main() -> None:
    """Write the model as the arguments say."""
    arguments = json.loads(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(NICE)
    end_with_parent()
    from pixelwise.data import open_dataset
    from pixelwise.labels.export import export_live_model

    try:
        dataset = open_dataset(arguments["data"], "folders", arguments["bands"], arguments["images_root"])
        result = export_live_model(dataset, arguments["out"])
    except PixelwiseError as error:
        parts = {"where": error.where, "found": error.found, "expected": error.expected, "remedy": error.remedy}
        tell({"error": str(error), **parts})
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    tell({"remarks": list(result.remarks)})


if __name__ == "__main__":
    main()
