"""The report of a training run: one HTML file that stands alone."""

from pixelwise.training.report.page import Report, write_report
from pixelwise.training.report.pictures import Example

__all__ = ["Example", "Report", "write_report"]
