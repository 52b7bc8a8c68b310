"""The flagfiles of the paper's rows: what is equal among them, what is the paper's, and what they promise."""

import functools
import types

import pytest

from deeplab_panns.runs import flat_settings
from deeplab_panns.study.plan import read_part
from deeplab_panns.study.planned_runs import of_cells, plan_runs
from tests import train_flags
from tests.conftest import ROOT

EXPERIMENTS = ROOT / "experiments"
SETS = {"a": ("spleen",), "b": ("pancreas",), "c": ("liver",), "": ("spleen", "pancreas", "liver")}
TABLE_1 = {  # mean Dice
  "resnet50_full": 0.7535,
  "resnet50_semi_a": 0.7593,
  "resnet50_semi_b": 0.7632,
  "resnet50_semi_c": 0.7596,
  "resnet50_semi": 0.7669,
  "resnet50_partial_a": 0.7650,
  "resnet50_partial_b": 0.7662,
  "resnet50_partial_c": 0.7631,
  "resnet50_partial": 0.7705,
  "resnet50_panns_a": 0.7716,
  "resnet50_panns_b": 0.7712,
  "resnet50_panns_c": 0.7705,
  "resnet50_panns": 0.7833,
  "resnet101_full": 0.7614,
  "resnet101_semi_a": 0.7637,
  "resnet101_semi_b": 0.7649,
  "resnet101_semi_c": 0.7647,
  "resnet101_semi": 0.7719,
  "resnet101_partial_a": 0.7714,
  "resnet101_partial_b": 0.7695,
  "resnet101_partial_c": 0.7684,
  "resnet101_partial": 0.7735,
  "resnet101_panns_a": 0.7770,
  "resnet101_panns_b": 0.7819,
  "resnet101_panns_c": 0.7748,
  "resnet101_panns": 0.7904,
  "unet3d_full": 0.7066,
  "unet3d_semi": 0.7193,
  "unet3d_partial": 0.7163,
  "unet3d_panns": 0.7208,
}
TABLE_2 = {"panns_star": 0.832, "panns_all30": 0.850}
TABLE_3 = {
  "nine_organs_full": 0.9008,
  "nine_organs_semi": 0.9060,
  "nine_organs_partial": 0.9063,
  "nine_organs_panns": 0.9103,
}
PAPER = {**TABLE_1, **TABLE_2, **TABLE_3}
# What makes a row of a table another row.
ROWS_FIELDS = frozenset({"supervision", "partial_organs", "lambda1", "lambda2"})


@functools.cache
def experiment(name):
  """What train makes of a flagfile."""
  return train_flags.experiment(f"--flagfile={EXPERIMENTS / name}.flags")


@functools.cache
def settings(name):
  """The same, flat."""
  return types.SimpleNamespace(**flat_settings.to_flat(experiment(name)))


def lines(name):
  return (EXPERIMENTS / f"{name}.flags").read_text(encoding="utf-8").splitlines()


def mode_of(name):
  return next(mode for mode in ("full", "semi", "partial", "panns") if mode in name.split("_"))


@pytest.mark.parametrize("name", PAPER)
def test_rows_of_a_table_differ_in_what_the_table_varies(name):
  """From the PaNN file of their network: in nothing but the mode, its λ1 and λ2 and the partial sets."""
  family = name.rpartition(f"_{mode_of(name)}")[0]
  if name in TABLE_2:
    reference, ignoring = "resnet101_panns", ROWS_FIELDS - {"supervision", "lambda2"}
  else:
    reference, ignoring = f"{family}_panns", ROWS_FIELDS
  assert flat_settings.differences(experiment(name), experiment(reference), ignoring) == []


@pytest.mark.parametrize("name", PAPER)
def test_a_row_is_what_its_name_says(name):
  found = settings(name)
  mode = mode_of(name)
  assert found.supervision == mode and found.lambda2 == (0.1 if mode == "panns" else 0)
  if name == "panns_star" or mode == "full":
    assert found.partial_organs == ()
  else:
    assert found.partial_organs == SETS.get(name.rpartition("_")[2], SETS[""])
  assert found.fold == (0 if name in TABLE_3 else -1) and found.validation_fraction == 0
  if name in TABLE_1:
    backbone = name.partition("_")[0]
    assert found.network == "dltk_unet3d" if backbone == "unet3d" else found.backbone == backbone


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_numbers(name):
  found = settings(name)
  assert (
    found.lambda1,
    found.pseudo_label_interval,
    found.partial_batch_fraction,
    found.max_rotation_degrees,
  ) == (0.333333 if found.supervision != "full" else 1, 10_000, 0.25, 15)
  assert (found.optimizer, found.momentum, found.learning_rate_dual) == ("sgd", 0.9, 2e-5)
  rates = found.learning_rate_stage1, found.learning_rate_stage2, found.learning_rate_policy
  steps = found.stage1_steps, found.stage2_steps
  if found.network == "deeplab_v3":
    assert rates == (2e-5, 1e-5, "poly") and steps == (40_000, 30_000)
    assert found.scales == (0.75, 1, 1.25, 1.5, 1.75, 2) and found.view == "axial"
    assert (found.batch_size, found.crop_size, found.weight_decay, found.multi_grid) == (
      16,
      513,
      1e-4,
      (1, 2, 4),
    )
  else:
    assert rates == (5e-4, 1e-5, "constant") and steps == (80_000, 100_000)
    assert (found.unet_filters, found.unet_strides, found.unet_units) == (
      (16, 64, 128, 256, 512),
      (1, 2, 2, 2, 1),
      3,
    )
    assert (found.unet_variant, found.patch_size, found.spacing_mm) == (
      "asymmetric",
      (64, 64, 64),
      (2.0, 2.0, 2.0),
    )
    assert found.batch_size == 4


@pytest.mark.parametrize("name", [name for name in PAPER if name not in TABLE_2 and mode_of(name) != "full"])
def test_stage_1_can_be_shared_with_full(name):
  full = f"{name.rpartition(f'_{mode_of(name)}')[0]}_full"
  assert experiment(name).has_stage1_of(experiment(full))
  assert any("--stage1_run" in line and f"{full}.flags" in line for line in lines(name))


@pytest.mark.parametrize("name", PAPER)
def test_the_header_says_row_command_cost_and_the_papers_number(name):
  header = [line for line in lines(name) if line.startswith("#")]
  before_flags = lines(name)[: next(i for i, line in enumerate(lines(name)) if not line.startswith("#"))]
  # the files of PaNN explain the dual update below, where its flag stands
  assert len(header) - len(before_flags) <= (3 if mode_of(name) == "panns" else 0)
  table = 1 if name in TABLE_1 else 2 if name in TABLE_2 else 3
  assert f"Paper: Table {table}," in header[0]
  assert any(line.startswith("# Run:  ") for line in header) and any(
    f"--flagfile=experiments/{name}.flags" in line for line in header
  )
  assert any(line.startswith("# Cost:  ") and "not run" in line for line in header)
  number = f"{PAPER[name]:.3f}" if name in TABLE_2 else f"{PAPER[name]:.4f}"
  assert any(line.startswith("# Expect: not run; ") and f"mean Dice {number}" in line for line in header)


@pytest.mark.parametrize("file", sorted(EXPERIMENTS.glob("*.flags")), ids=lambda file: file.stem)
def test_every_flagfile_is_complete_and_free_of_traps(file):
  """No nested flagfile (resolved from the working directory), no comment behind a value (absl takes it as
  part), no machine's paths."""
  given = [line for line in lines(file.stem) if not line.startswith("#")]
  names = [line.lstrip("-").partition("=")[0] for line in given]
  assert len(names) == len(set(names)) and all(
    line.startswith("--") and "#" not in line and line == line.strip() for line in given
  )
  assert not {"flagfile", "data_dir", "run_dir"} & set(names)
  experiment(file.stem)


def test_no_flagfile_of_the_paper_is_forgotten():
  other = {"quickstart", "quickstart3d", "real_ct", "best"}
  families = ("resnet50", "resnet101", "unet3d", "panns", "nine")
  found = {file.stem for file in EXPERIMENTS.glob("*.flags") if file.stem.split("_")[0] in families}
  assert found - other == set(PAPER)


# Recipes, and the cell of the study whose number their header gives.
CELLS = {
  "best": ("place", "placed-logits"),
  "best3d": ("place3d", "placed-logits"),
  "aligned": ("place", "best"),
  "marginal": ("place", "marginal"),
  "marginal3d": ("place3d", "marginal"),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_recipe_is_what_the_study_measured(name):
  part, cell = CELLS[name]
  (run,) = of_cells(plan_runs(read_part(EXPERIMENTS / "study", part), seeds=[0]), [cell])
  measured = train_flags.experiment(*(f"--{flag}={value}" for flag, value in run.flags.items()))
  ignoring = {"fold", "seed", "log_interval", "checkpoint_interval", "validation_interval"}
  ignoring |= {"pseudo_label_interval"}  # of a teacher that is a snapshot, which none of them has
  if measured.stage2.objective.partial_loss == "marginal":
    ignoring |= {"aligned_to", "dual_floor", "dual_update", "dual_step"}  # of pseudo-labels and of a prior
  assert flat_settings.differences(experiment(name), measured, frozenset(ignoring)) == []


@pytest.mark.parametrize("name", TABLE_3)
def test_flagfiles_of_nine_organs_name_them(name):
  organs = train_flags.parsed(f"--flagfile={EXPERIMENTS / name}.flags").organs
  assert len(organs) == 9 and all(
    organ in " ".join(lines(name)[:12]).replace("#", "").replace("  ", "") for organ in organs[:3]
  )
