"""Lines with bands on a logarithmic axis."""

from __future__ import annotations

from lab.chart import HEIGHT, WIDTH, Panel, Point, draw_panels


def test_a_point_lies_where_its_logarithm_and_the_median_are() -> None:
    """By hand: 10 and 1000 are a power below and above the middle of 10 to 1000; the scale of scores ends at 0.4."""
    lines = {"a < b": [Point(10, [0.1, 0.2, 0.4]), Point(100, [0.2, 0.2, 0.3])], "c": [Point(1000, [0.3])]}
    picture = draw_panels("score", [Panel("pixels", lines)])
    points = f"0.0,{HEIGHT * 0.5:.1f} {WIDTH / 2:.1f},{HEIGHT * 0.5:.1f}"
    assert f'<polyline points="{points}"' in picture
    assert f'<polygon points="0.0,0.0 {WIDTH / 2:.1f},{HEIGHT * 0.25:.1f} ' in picture  # the highest of each
    assert f'<circle cx="{WIDTH:.1f}" cy="{HEIGHT * 0.25:.1f}"' in picture
    assert ">1,000</text>" in picture
    assert "a &lt; b" in picture
