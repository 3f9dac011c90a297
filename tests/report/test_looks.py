"""The palette with and without colour-vision deficiency, on light and dark backgrounds."""

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from helpers.colours import SIMULATED, ciede2000, lab, linear_rgb, luminance

from infocap_tasks.report.looks import COLOURS, looks

CSS = files("infocap_tasks.report.page").joinpath("page.css").read_text("utf-8")


def test_the_first_42_series_look_different():
    pairs = {(look.colour, look.marker) for look in looks(map(str, range(42))).values()}
    assert len(pairs) == 42
    assert len(looks("aab")) == 2


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    # Pairs 1, 7, 16 and 20 of Sharma, Wu and Dalal (2005), table 1.
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ],
)
def test_colour_distances_are_those_of_the_paper(first, second, distance):
    assert ciede2000(np.array(first), np.array(second)) == pytest.approx(distance, abs=1e-4)


@pytest.mark.parametrize("vision", SIMULATED)
def test_any_two_colours_differ_for_any_colour_vision(vision):
    seen = [lab(SIMULATED[vision] @ linear_rgb(colour)) for colour in COLOURS]
    least = min(ciede2000(a, b) for a, b in combinations(seen, 2))
    assert least >= (20 if vision == "normal" else 10)


@pytest.mark.parametrize("background", re.findall(r"--page: (#\w+);", CSS))
def test_colours_stand_out_on_light_and_dark_pages(background):
    lights = [luminance(linear_rgb(colour)) + 0.05 for colour in (*COLOURS, background)]
    ratios = [max(light / lights[-1], lights[-1] / light) for light in lights[:-1]]
    assert min(ratios) >= 3
