"""The report of a training run: one self-contained HTML file."""

from pixelwise.training.report.page import Report, write_report
from pixelwise.training.report.pictures import Example

__all__ = ["Example", "Report", "write_report"]
