"""The study's plain files: the shipped ones parse with the commands' own flags, broken ones say so."""

import importlib

import pytest
from absl import flags

from data.input_error import InputError
from deeplab_panns.study.plan import DosePoint, Expectation, SizePoint, read_part
from deeplab_panns.study.planned_runs import plan_runs
from tests import train_flags
from tests.deeplab_panns.study.conftest import PARTS, STUDY

COHORTS = """cohort phantom
  data.phantom --labeled_cases=1 --annotated_in_turn=spleen,liver  # two sets
  data.prepare --spacing_mm=6
"""
TABLE = """# A comment.
base    tiny.flags
seeds   7,3
seeds   5 panns full
quick   full panns --stage1_steps=2
expect  full < partial < panns by 1.5 at 0.01
expect  full < panns
cell    full     phantom  -        --supervision=full
cell    partial  phantom  -        --supervision=partial
  --teacher_decay=0.5
cell    panns    phantom  full     --supervision=panns --lambda2=3
"""


def defined_by(define_flags):
  """absl flags of a command, without leaving them in the global ones."""
  values, before = flags.FlagValues(), set(flags.FLAGS)
  define_flags()
  for name in set(flags.FLAGS) - before:
    values[name] = flags.FLAGS[name]
    delattr(flags.FLAGS, name)
  return values


def write(folder, table=TABLE, cohorts=COHORTS):
  (folder / "tiny.flags").write_text("# what all share\n--stage1_steps=4\n\n--decoder\n")
  (folder / "cohorts.table").write_text(cohorts)
  (folder / "tiny.table").write_text(table)
  return folder


def test_the_shipped_parts():
  assert set(PARTS) == {
    "slices",
    "volumes",
    "beyond",
    "anatomy",
    "fields",
    "place",
    "place3d",
    "onebox",
    "box3d",
    "fields3d",
    "upper3d",
    "box3d_again",
    "dose",
    "rivals",
  }


@pytest.mark.slow
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_every_cell_parses_with_the_flags_of_train(name, quick):
  for run in plan_runs(read_part(STUDY, name, quick)):
    for words in (run.flags, run.stage1_flags):
      experiment = train_flags.experiment(*(f"--{flag}={value}" for flag, value in words.items()))
      assert experiment.held_out.fold == 0 and experiment.seed == run.seed


@pytest.mark.slow  # data.prepare imports TensorFlow
def test_every_cohort_parses_with_the_flags_of_its_commands():
  for commands in read_part(STUDY, PARTS[0]).cohorts.values():
    for module, *words in commands:
      manifest = [] if module == "data.phantom" else ["--manifest=m"]
      defined_by(importlib.import_module(module).define_flags)([module, "--output_dir=x", *manifest, *words])


def test_shipped_parts_have_a_baseline_an_oracle_untouched_seeds_and_20_test_volumes():
  for name in PARTS:
    part = read_part(STUDY, name)
    names = {cell.name for cell in part.cells}
    assert {"full", "oracle"} <= names
    assert min(min(seeds) for seeds in part.seeds.values()) > 1000  # development used smaller ones
    assert min(len(seeds) for seeds in part.seeds.values()) >= (3 if name == "fields" else 6)
    for commands in part.cohorts.values():
      assert "--test_cases=20" in commands[0]


def test_a_table_by_hand(tmp_path):
  part = read_part(write(tmp_path), "tiny")
  assert part.flags == {"stage1_steps": "4", "decoder": "true"}
  assert [(cell.name, cell.cohort, cell.reference) for cell in part.cells] == [
    ("full", "phantom", None),
    ("partial", "phantom", None),
    ("panns", "phantom", "full"),
  ]
  assert part.cells[1].flags == {"supervision": "partial", "teacher_decay": "0.5"}
  assert part.expectations == (
    Expectation(("full", "partial", "panns"), 1.5, 0.01),
    Expectation(("full", "panns"), 0.0, 0.05),
  )
  assert part.seeds == {"full": (7, 3, 5), "partial": (7, 3), "panns": (7, 3, 5)}
  assert [(run.cell.name, run.seed) for run in plan_runs(part)] == [
    ("full", 7),
    ("partial", 7),
    ("panns", 7),
    ("full", 3),
    ("partial", 3),
    ("panns", 3),
    ("full", 5),
    ("panns", 5),
  ]
  assert {run.seed for run in plan_runs(part, [9])} == {9} and len(plan_runs(part, [9])) == 3
  draw, prepare = part.cohorts["phantom"]
  assert draw == ("data.phantom", "--labeled_cases=1", "--annotated_in_turn=spleen,liver")
  assert prepare == ("data.prepare", "--spacing_mm=6")


def test_quick_has_fewer_cells_and_other_flags(tmp_path):
  part = read_part(write(tmp_path), "tiny", quick=True)
  assert part.name == "tiny-quick" and [cell.name for cell in part.cells] == ["full", "panns"]
  assert part.seeds == {"full": (7, 3), "panns": (7, 3)}
  assert part.flags["stage1_steps"] == "2" and part.expectations == (Expectation(("full", "panns")),)


def test_points_are_read_and_quick_keeps_those_of_its_cells(tmp_path):
  lines = 'point   "gain, all" full partial panns\npoint   few full full panns\n'
  write(tmp_path, TABLE.replace("cell    full ", lines + "cell    full "))
  few = SizePoint("few", "full", "panns", "full")
  assert read_part(tmp_path, "tiny").points == (SizePoint("gain, all", "partial", "panns", "full"), few)
  assert read_part(tmp_path, "tiny", quick=True).points == (few,)


def test_doses_are_read_and_quick_keeps_those_of_its_cells(tmp_path):
  lines = 'dose   "partial, one third" full partial\ndose   panns full panns\n'
  write(tmp_path, TABLE.replace("cell    full ", lines + "cell    full "))
  of_quick = DosePoint("panns", "full", "panns")
  part = read_part(tmp_path, "tiny")
  assert part.doses == (DosePoint("partial, one third", "full", "partial"), of_quick)
  assert part.labeled_patients("panns") == 1
  assert read_part(tmp_path, "tiny", quick=True).doses == (of_quick,)


def test_a_dose_needs_a_number_of_labelled_patients(tmp_path):
  write(tmp_path, TABLE.replace("cell    full ", "dose all full panns\ncell    full "))
  cohorts = tmp_path / "cohorts.table"
  cohorts.write_text(cohorts.read_text().replace("--labeled_cases=1 ", ""))
  with pytest.raises(InputError, match="a dose names 'panns', whose cohort does not give --labeled_cases"):
    read_part(tmp_path, "tiny")


@pytest.mark.parametrize(
  "old, new, says",
  [
    ("base    tiny.flags\n", "", "0 lines 'base'"),
    ("base    tiny.flags", "base    gone.flags", "gone.flags"),
    ("cell    full ", "row    full ", "line 8: found 'row"),
    ("--supervision=full", "supervision=full", "'supervision=full'"),
    ("--supervision=full", "--flagfile=full", "no flagfile within"),
    ("--supervision=full", "--nodecoder", "write --decoder=false"),
    ("full     phantom  - ", "full     moon  - ", "the cohort 'moon'"),
    ("cell    partial", "cell    full", "tiny.table: names full more than once; .*each name once"),
    ("panns    phantom  full ", "panns    phantom  semi ", "name semi; the cells are full, partial, panns"),
    ("seeds   7,3\n", "", "give partial no seed"),
    ("seeds   7,3\n", "seeds   7,5\n", "give full, panns no seed, or one twice"),
    ("seeds   5 panns full", "seeds   5 panns nobody", "found seeds '5 panns nobody'"),
    ("seeds   5 panns full", "seeds   5, panns full", "found seeds '5, panns"),
    ("expect  full < panns", "expect  full > panns", "found expectation"),
    ("expect  full < panns", "expect  full < best", "name best; the cells"),
    ("cell    full ", "point all best full panns\ncell    full ", "points or doses name best; the cells"),
    ("cell    full ", "point all full panns\ncell    full ", "found point 'all full panns'"),
    ("cell    full ", "dose all full best\ncell    full ", "points or doses name best; the cells"),
    ("cell    full ", "dose all panns\ncell    full ", "found dose 'all panns'"),
    ("quick   full", "quick   none", "'quick' names none; the cells are full, partial, panns"),
    ("cell    full     phantom  -  ", "cell    full/x   phantom  -  ", "names files"),
    (
      "cell    full     phantom  -  ",
      "cell    full     phantom@a -  ",
      "names the cohort 'a'; cohorts.table has",
    ),
    ("cell    full     phantom  -  ", "cell    full     ", "needs a name, a cohort"),
    ("--supervision=full", '--supervision="full', "No closing quotation. Close the quote"),
    ("quick   full", 'quick   "full', "No closing quotation"),
  ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, old, new, says):
  assert old in TABLE
  write(tmp_path, TABLE.replace(old, new))
  with pytest.raises(InputError, match=says):
    read_part(tmp_path, "tiny", quick="quick" in old)


def test_other_files_that_are_wrong(tmp_path):
  with pytest.raises(InputError, match="are tiny"):
    read_part(write(tmp_path), "tidy")
  with pytest.raises(InputError, match="needs one that makes the patients"):
    read_part(write(tmp_path, cohorts="cohort phantom data.phantom --seed=1\n"), "tiny")
  with pytest.raises(InputError, match=r"cohorts\.table: found 'phantom \"data.*No closing quotation"):
    read_part(write(tmp_path, cohorts='cohort phantom "data.phantom data.prepare\n'), "tiny")
  (tmp_path / "cohorts.table").unlink()
  with pytest.raises(InputError, match=r"cohorts\.table: cannot be read as a table"):
    read_part(tmp_path, "tiny")


def test_of_many_cells_the_error_lists_some(tmp_path):
  cells = "".join(f"cell twice{index % 50} phantom - --lambda2=1\n" for index in range(100))
  write(tmp_path, f"base tiny.flags\nseeds 1\n{cells}")
  with pytest.raises(InputError, match=r"twice7 and 42 more more than once; .*each name once\.$"):
    read_part(tmp_path, "tiny")


def test_cells_of_other_unseen_patients_are_not_set_against_each_other(tmp_path):
  other = (
    COHORTS
    + "cohort apart\n  data.phantom --labeled_cases=1 --displacement=2\n  data.prepare --spacing_mm=6\n"
  )
  with pytest.raises(
    InputError, match="compares 'panns' with 'full', whose cohorts have other unseen patients"
  ):
    read_part(write(tmp_path, TABLE.replace("panns    phantom", "panns    apart"), other), "tiny")
