"""Predicted against reference volumes: where the points lie, also of what was not predicted."""

import dataclasses

import pytest

from deeplab_panns.report.figures import volume_agreement
from deeplab_panns.report.results import compared
from deeplab_panns.scores import organ_volumes
from deeplab_panns.scores.organ_volumes import OrganVolume
from tests.deeplab_panns.report.conftest import FULL, scored_run

VOLUMES = [
  OrganVolume("a", "liver", 1500.0, 1200.0),
  OrganVolume("a", "spleen", 200.0, 0.0),
  OrganVolume("b", "liver", 1400.0, 2000.0),
]


@pytest.fixture
def axes(figure_for_png):
  results = compared.build([scored_run("full", FULL)])
  return volume_agreement.draw(results, {"full": VOLUMES}).axes[0]


def test_a_point_is_reference_and_prediction(axes):
  liver, spleen = (points.get_offsets().tolist() for points in axes.collections)
  assert liver == [[1500.0, 1200.0], [1400.0, 2000.0]]
  assert [points.get_label() for points in axes.collections] == ["liver", "spleen"]
  assert spleen == [[200.0, axes.get_ylim()[0]]]  # nothing predicted: on the edge


def test_both_axes_hold_all_volumes_on_a_log_scale(axes):
  assert axes.get_xscale() == axes.get_yscale() == "log"
  assert axes.get_xlim() == (100.0, 3000.0) and axes.get_ylim() == (100.0, 3000.0)


def test_a_small_prediction_reaches_down_to_a_twentieth_of_the_smallest_reference(figure_for_png):
  results = compared.build([scored_run("full", FULL)])
  for predicted, bottom in ((40.0, 20.0), (0.01, 5.0)):  # 200 / 20 / 2
    volumes = [OrganVolume("a", "liver", 200.0, 190.0), OrganVolume("a", "spleen", 300.0, predicted)]
    assert volume_agreement.draw(results, {"full": volumes}).axes[0].get_ylim()[0] == bottom


def test_volumes_of_all_runs_are_read_or_none(tmp_path):
  runs = []
  for seed in (0, 1):
    (tmp_path / str(seed)).mkdir()
    runs.append(dataclasses.replace(scored_run("full", FULL, seed), folder=tmp_path / str(seed)))
  organ_volumes.write_csv(tmp_path / "0" / "volumes.csv", VOLUMES)
  assert volume_agreement.read(compared.build(runs)) is None
  organ_volumes.write_csv(tmp_path / "1" / "volumes.csv", VOLUMES[:1])
  assert volume_agreement.read(compared.build(runs)) == {"full": [*VOLUMES, VOLUMES[0]]}
