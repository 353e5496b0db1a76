"""The process that writes the live model for the studio, which goes on drawing meanwhile; it ends with its parent.

Started as `python -m pixelwise.studio.live_export_process ARGUMENTS`, where ARGUMENTS is a JSON object.
"""

from __future__ import annotations

import sys

from pixelwise.studio.child_process import begin, tell, told_mistakes


def main() -> None:
    """Write the model as the arguments say."""
    arguments = begin()
    from pixelwise.data import open_dataset
    from pixelwise.labels.export import export_live_model

    try:
        with told_mistakes():
            dataset = open_dataset(arguments["data"], "folders", arguments["bands"], arguments["images_root"])
            result = export_live_model(dataset, arguments["out"])
    except KeyboardInterrupt:
        sys.exit(130)
    tell({"remarks": list(result.remarks)})


if __name__ == "__main__":
    main()
