"""Sizes and shares of cases, and which partial cases belong together."""

import numpy as np
import pytest

from data.input_error import InputError
from data.stored.store import StoredCase
from deeplab_panns.prior_check.case_sets import ALL_PARTIAL, CaseSet, CaseSizes, measure, partial_sets
from tests.deeplab_panns.prior_check.patients import ORGANS, case, patients


def test_shares_by_hand():
  """Pooled, not the mean of shares: a large scan counts by its size."""
  cases = [
    measure(case("a", ORGANS, (10, 10, 10), liver=100), ORGANS),
    measure(case("b", ORGANS, (10, 10, 30), liver=100), ORGANS),
  ]
  one = CaseSet("x", ORGANS, tuple(cases))
  assert one.mean_share("liver") == 200 / 4000
  np.testing.assert_allclose(one.shares("liver"), [0.1, 100 / 3000])
  np.testing.assert_allclose(one.deviations("liver"), [(100 - 50) / 100, (100 - 150) / 100])
  assert (
    one.mean_ml("liver") == pytest.approx(0.1) and one.extent_mm == (10, 10, 20) and one.absent("spleen") == 2
  )


def test_shares_where_cases_count_alike():
  cases = [measure(case("a", ORGANS, (10, 10, 10), liver=100), ORGANS)]
  cases.append(measure(case("b", ORGANS, (10, 10, 30), liver=90), ORGANS))
  one = CaseSet("x", ORGANS, tuple(cases), alike=True)
  assert one.mean_share("liver") == pytest.approx(0.065)
  np.testing.assert_allclose(one.deviations("liver"), [0.035 / 0.065, -0.035 / 0.065])


def test_names_of_many_organs_stay_short_and_apart():
  organs = tuple("abcde")
  cases = [
    CaseSizes(str(n), annotated, dict.fromkeys(organs, 1), 10, 1.0, (1.0,) * 3)
    for n, annotated in enumerate((organs[:4], (*organs[:3], "e")))
  ]
  assert [one.name for one in partial_sets(cases, organs)][:2] == [
    "a and 3 more (set 1)",
    "a and 3 more (set 2)",
  ]


def test_body_only_leaves_out_the_air(tmp_path):
  """The same patient in wider air: the raw share falls, that of the body does not; air inside an organ does
  not count."""
  cases = []
  for pad in (0, 6):
    image = np.pad(np.full((4, 8, 8), 90, np.uint8), ((0, 0), (pad, pad), (pad, pad)))
    label = np.pad(np.tile(np.eye(8, dtype=np.uint8), (4, 1, 1)), ((0, 0), (pad, pad), (pad, pad)))
    image[0, pad, pad] = 0
    label[1, pad, pad] = 255
    folder = tmp_path / str(pad)
    folder.mkdir()
    np.save(folder / "image.npy", image)
    np.save(folder / "label.npy", label)
    counts = {
      "background": int(np.sum(label == 0)),
      "liver": int(np.sum(label == 1)),
      "spleen": 0,
      "pancreas": 0,
    }
    cases.append(
      StoredCase(folder, str(pad), ("liver",), None, (1.0,) * 3, np.eye(4), image.shape, counts, {})
    )
  raw, body = ([measure(one, ORGANS, body_only) for one in cases] for body_only in (False, True))
  assert raw[1].total > 4 * raw[0].total
  assert body[0].voxels == body[1].voxels == {"background": 4 * 56, "liver": 30, "spleen": 0, "pancreas": 0}


def test_a_scan_without_a_body_is_named(tmp_path):
  np.save(tmp_path / "image.npy", np.zeros((2, 4, 4), np.uint8))
  np.save(tmp_path / "label.npy", np.zeros((2, 4, 4), np.uint8))
  empty = StoredCase(
    tmp_path, "x", ("liver",), None, (1.0,) * 3, np.eye(4), (2, 4, 4), {"background": 32}, {}
  )
  with pytest.raises(InputError, match="no voxel above -125 HU"):
    measure(empty, ORGANS, body_only=True)


def test_partial_cases_are_grouped_by_the_organs_they_annotate():
  """Cases that lost labels one by one: the organ that sets share is judged over all of them."""
  rng = np.random.default_rng(8)
  partial = [
    *patients(rng, 2, ("liver", "spleen")),
    *patients(rng, 3, ("liver", "pancreas")),
    case("unlabelled", ()),
  ]
  sets = partial_sets([measure(one, ORGANS) for one in partial], ORGANS)
  assert [(one.name, len(one.cases), one.organs) for one in sets] == [
    ("liver, spleen", 2, ("liver", "spleen")),
    ("liver, pancreas", 3, ("liver", "pancreas")),
    (ALL_PARTIAL, 5, ("liver",)),
  ]


def test_sets_without_a_shared_organ_are_not_pooled():
  rng = np.random.default_rng(8)
  partial = [*patients(rng, 2, ("liver",)), *patients(rng, 2, ("spleen",))]
  assert [one.name for one in partial_sets([measure(one, ORGANS) for one in partial], ORGANS)] == [
    "liver",
    "spleen",
  ]
