"""The pixels, outlines and names of a slice."""

import numpy as np
import pytest

from deeplab_panns.evidence import plot_style
from deeplab_panns.report.figures import slice_panels
from deeplab_panns.scores.compared_slices import ComparedSlice

ORGANS = ("liver", "spleen")
REFERENCE = np.array([[1, 1, 0, 0], [1, 1, 0, 2], [0, 0, 0, 255]], np.uint8)
PART = ComparedSlice(
  "a", 7, (3.0, 1.5), "most organs", np.full((3, 4), 51, np.uint8), REFERENCE, np.zeros((3, 4), np.uint8)
)


@pytest.fixture
def axes():
  figure = plot_style.figure(2, 2)
  return plot_style.subplots(figure, 1, 1)[0, 0]


def test_organs_are_tinted_and_the_rest_is_grey(axes):
  slice_panels.draw(axes, PART, REFERENCE, ORGANS)
  pixels = axes.images[0].get_array()
  liver, spleen = plot_style.organ_rgb(2)
  np.testing.assert_allclose(pixels[0, 0], 0.7 * 0.2 + 0.3 * liver)
  np.testing.assert_allclose(pixels[1, 3], 0.7 * 0.2 + 0.3 * spleen)
  np.testing.assert_allclose(pixels[0, 2], [0.2] * 3)
  np.testing.assert_allclose(pixels[2, 3], [0.2] * 3)  # not annotated
  assert axes.get_aspect() == 2  # a pixel is twice as high as wide


def test_outlines_close_at_the_edge_halfway_between_pixels(axes):
  slice_panels.draw(axes, PART, REFERENCE, ORGANS)
  (outlines,) = axes.collections
  liver = outlines.get_segments()[0]
  assert (liver[0] == liver[-1]).all()
  np.testing.assert_allclose([liver.min(axis=0), liver.max(axis=0)], [[-0.5, -0.5], [1.5, 1.5]])


def test_the_reference_is_outlined_in_white_below_the_labels(axes):
  slice_panels.draw(axes, PART, PART.predicted, ORGANS, REFERENCE)
  reference, labels = axes.collections
  assert len(reference.get_segments()) == 2 and not labels.get_segments()
  np.testing.assert_array_equal(reference.get_colors()[:, :3], np.ones((2, 3)))


def test_a_zoom_shows_whole_pixels_with_the_first_row_on_top(axes):
  slice_panels.zoom(axes, (slice(1, 3), slice(0, 2)))
  assert axes.get_xlim() == (-0.5, 1.5) and axes.get_ylim() == (2.5, 0.5)


def test_only_organs_count_as_shown():
  assert slice_panels.organ_values(REFERENCE, np.array([[3]]), count=2) == {1, 2}


def test_the_legend_names_what_is_shown(axes):
  slice_panels.legend(axes.figure, {2}, ORGANS, with_reference=True)
  (legend,) = axes.figure.legends
  assert [text.get_text() for text in legend.get_texts()] == ["spleen", "white: reference"]
