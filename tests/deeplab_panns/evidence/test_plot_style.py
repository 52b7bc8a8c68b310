"""The look of plots: colours that stay with their method and organ, pictures without a display."""

import io

import matplotlib
import numpy as np
from PIL import Image

from deeplab_panns.evidence import plot_style, slice_pictures


def test_a_method_keeps_its_colour_when_others_follow_it():
  few, many = (plot_style.method_colours([f"method {n}" for n in range(count)]) for count in (3, 8))
  assert few.items() <= many.items()
  assert len(set(many.values())) == 8


def test_organs_have_the_colours_of_the_slices():
  np.testing.assert_array_equal(
    np.rint(255 * plot_style.organ_rgb(13)).astype(np.uint8), slice_pictures.organ_colours(13)[1:]
  )


def test_long_names_break_between_words_and_lose_nothing():
  name = "panns lambda1=1 lambda2=0.1 dual_update=closed_form"
  lines = plot_style.wrapped(name, 30).split("\n")
  assert " ".join(lines) == name and len(lines) > 1
  assert max(map(len, lines)) <= 30


def test_the_style_reaches_the_axes_and_leaves_other_plots_alone():
  before = matplotlib.rcParams["axes.spines.top"], matplotlib.rcParams["font.size"]
  plot = plot_style.figure(3, 2)
  axes = plot_style.subplots(plot, 2, 1)
  assert axes.shape == (2, 1)
  assert not axes[0, 0].spines["top"].get_visible()
  assert (matplotlib.rcParams["axes.spines.top"], matplotlib.rcParams["font.size"]) == before == (True, 10.0)


def test_a_png_has_the_size_in_inches_times_dpi_and_is_the_same_each_time():
  def drawn():
    plot = plot_style.figure(3, 2)
    plot_style.subplots(plot, 1, 1)[0, 0].plot([0, 1], [1, 0])
    return plot_style.png(plot)

  with Image.open(io.BytesIO(drawn())) as picture:
    assert picture.size == (3 * plot_style.DPI, 2 * plot_style.DPI)
  assert drawn() == drawn()


def test_a_box_shows_the_quartiles_and_leaves_the_ticks_alone():
  axes = plot_style.subplots(plot_style.figure(3, 2), 1, 1)[0, 0]
  axes.set_xticks([0, 5], ["a", "b"])
  plot_style.box(axes, [1, 2, 3, 4, 100], 2.0, 0.5, "#0072B2")
  heights = {float(height) for line in axes.lines for height in line.get_ydata()}
  assert heights == {1, 2, 3, 4}  # whiskers, quartiles, median; the outlier is left to the points
  assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]


def test_points_stay_beside_their_box_and_where_they_were():
  offsets = plot_style.sideways(200, width=2.0, share=0.25)
  assert 0.4 < np.abs(offsets).max() <= 0.5 and len(set(offsets)) == 200
  np.testing.assert_array_equal(plot_style.sideways(50, width=2.0, share=0.25), offsets[:50])
