"""One file a layout: how it is told, read, and written."""
