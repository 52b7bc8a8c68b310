"""Scoring runs on a store: which cases, what is written, and the same numbers however many cases are scored
at a time."""

import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.scores import compared_slices, confusion, organ_volumes
from deeplab_panns.scores.metrics import score_organs
from deeplab_panns.scores.run_scores import score_cases, select_cases
from deeplab_panns.scores.scored_case import Reference, score_case, write_results
from tests.conftest import TINY_ORGANS, run_command

ORGANS = tuple(TINY_ORGANS)


class Thresholds:
  """Stands for a network: what is bright is the spleen, what is less bright the liver."""

  def stored_labels(self, image, spacing_mm):
    del spacing_mm
    return tf.cast(tf.where(image > 170, 2, tf.where(image > 130, 1, 0)), tf.uint8)


@dataclasses.dataclass(frozen=True)
class Held:
  """Stands for a TrainedRun, of which the choice of cases needs this much."""

  experiment: types.SimpleNamespace
  organs: tuple = ORGANS
  directory: RunDirectory = dataclasses.field(default_factory=lambda: RunDirectory("run"))


def held(fold, validation_fraction=0.0, seed=0):
  return Held(types.SimpleNamespace(fold=fold, validation_fraction=validation_fraction, seed=seed))


def ids(cases):
  return [case.id for case in cases]


def test_the_cases_of_a_split(tiny_store):
  store = read_store(tiny_store)
  assert ids(select_cases(store, [held(0)], "test")) == ["test_5"]
  assert sorted(ids(select_cases(store, [held(1)], "test"))) == ["full_0", "full_1", "full_2"]
  assert len(select_cases(store, [held(0, 0.4)], "val")) == 1
  assert len(select_cases(store, [held(-1)], "all")) == 6


def test_an_ensemble_is_scored_on_what_no_member_was_trained_on(tiny_store):
  store = read_store(tiny_store)
  assert ids(select_cases(store, [held(0), held(0, seed=1)], "test")) == ["test_5"]
  with pytest.raises(InputError, match=r"--split=test is empty.*--fold=0.*--fold=1"):
    select_cases(store, [held(0), held(1)], "test")
  assert len(select_cases(store, [held(0), held(1)], "all")) == 6


@pytest.mark.parametrize("workers", [1, 3])
def test_scores_do_not_depend_on_how_many_cases_are_scored_at_a_time(tiny_store, workers):
  store = read_store(tiny_store)
  cases = select_cases(store, [held(-1)], "all")
  scored, overlay = score_cases(Thresholds(), store.organs, cases, workers)
  assert [case.case for case in scored] == ids(cases) and overlay.shape[2] == 3
  for case, found in zip(cases, scored):
    predicted = Thresholds().stored_labels(np.asarray(case.image()), None).numpy()
    expected = score_organs(
      np.asarray(case.label()), predicted, ORGANS, case.spacing_mm, annotated=case.annotated
    )
    assert repr(list(found.scores)) == repr(expected)
    assert found.sha256 == case.sha256["label"] and 1 <= len(found.slices) <= 3


def test_what_is_written_adds_up(tiny_store, tmp_path):
  store = read_store(tiny_store)
  cases = select_cases(store, [held(-1)], "all")
  scored, _ = score_cases(Thresholds(), store.organs, cases)
  summary = write_results(scored, store.organs, tmp_path, {"split": "all"})
  assert json.loads((tmp_path / "metrics.json").read_text()) == summary
  assert summary["references"] == {case.id: case.sha256["label"][:16] for case in cases}
  volumes = organ_volumes.read_csv(tmp_path / "volumes.csv")
  assert len(volumes) == 4 * 3 + 2  # partial cases: the liver alone
  for case in cases:
    liver = next(volume for volume in volumes if (volume.case, volume.organ) == (case.id, "liver"))
    assert liver.reference_ml == pytest.approx(case.voxels["liver"] * 0.012)  # 3 x 2 x 2 mm
  organs, counts = confusion.read_csv(tmp_path / "confusion.csv")
  assert organs == ORGANS
  assert counts[1].sum() == sum(case.voxels["liver"] for case in cases)
  full = [case for case in cases if store.is_full(case)]
  assert counts[0].sum() == sum(case.voxels["background"] for case in full)  # not that of partial cases
  assert {part.case for part in compared_slices.read(tmp_path / "slices.npz")} == set(ids(cases))


def test_volume_errors_agree_with_the_volumes(tmp_path):
  rng = np.random.default_rng(0)
  labels, predicted = rng.integers(0, 4, (2, 5, 8, 7)).astype(np.uint8)
  labels[0, 0] = 255
  scored = score_case("a", Reference(labels, ORGANS, ORGANS, (2.5, 1.0, 0.8), "0"), predicted)
  for score, volume in zip(scored.scores, scored.volumes):
    assert volume.organ == score.organ
    assert volume.predicted_ml - volume.reference_ml == pytest.approx(score.volume_error_ml)


@pytest.mark.parametrize(
  "text",
  [
    "",
    "case,organ\n",
    "case,organ,reference_ml,predicted_ml\na,liver,1\n",
    "case,organ,reference_ml,predicted_ml\na,liver,1,much\n",
  ],
)
def test_damaged_volumes_are_one_line_for_the_user(tmp_path, text):
  (tmp_path / "volumes.csv").write_text(text)
  with pytest.raises(InputError, match=r"volumes\.csv.*evaluate"):
    organ_volumes.read_csv(tmp_path / "volumes.csv")


@pytest.mark.slow
def test_the_command_on_a_run_and_on_an_ensemble(tiny_run, tmp_path):
  one = run_command("deeplab_panns.evaluate", f"--run_dir={tiny_run}", f"--output_dir={tmp_path / 'one'}")
  assert one.stderr == ""
  assert sorted(file.name for file in (tmp_path / "one").iterdir()) == [
    "confusion.csv",
    "metrics.csv",
    "metrics.json",
    "overlay.png",
    "slices.npz",
    "volumes.csv",
  ]
  both = run_command(
    "deeplab_panns.evaluate", f"--run_dirs={tiny_run},{tiny_run}", f"--output_dir={tmp_path / 'both'}"
  )
  assert both.stderr == ""
  assert (tmp_path / "both" / "metrics.csv").read_bytes() == (
    tmp_path / "one" / "metrics.csv"
  ).read_bytes()  # twice the same network
  header = json.loads((tmp_path / "both" / "metrics.json").read_text())
  assert header["run_dirs"] == [str(tiny_run.resolve())] * 2 and (header["step"], header["fold"]) == (8, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
  "arguments, says",
  [
    (["--run_dir=a", "--run_dirs=b,c"], "either --run_dir"),
    (["--run_dirs=b,c"], "need --output_dir"),
    (["--predictions=a"], "--references"),
    (["--predictions=a", "--references=b"], "--output_dir"),
    (["--run_dir=a", "--label_map=1=liver"], "--label_map"),
  ],
)
def test_flags_that_do_not_go_together(arguments, says):
  result = run_command("deeplab_panns.evaluate", *arguments, check=False)
  assert result.returncode == 2 and says in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_command_on_another_programs_label_maps(tiny_raw, tmp_path):
  (tmp_path / "map.json").write_text(json.dumps({"1": "liver", "3": "pancreas"}))
  folder = tiny_raw / "labels"
  result = run_command(
    "deeplab_panns.evaluate",
    f"--predictions={folder}",
    f"--references={folder}",
    f"--output_dir={tmp_path / 'out'}",
    "--organs=liver,spleen,pancreas",
    f"--label_map={tmp_path / 'map.json'}",
    "--workers=2",
  )
  assert (
    "mean Dice 1.0000 over 2 organs" in result.stdout
    and "not scored" in result.stdout
    and "spleen" in result.stdout
  )
  assert result.stderr == ""
