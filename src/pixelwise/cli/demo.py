"""`pixelwise demo`."""
def demo() -> None:
    """x"""
