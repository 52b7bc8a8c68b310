"""What is saved comes back, by kind; `best` is above all before it, also after a restart."""

import errno
import resource
import threading

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.loss_scale import LossScale
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.runs import checkpoints as checkpoints_module
from deeplab_panns.runs.checkpoints import Checkpoints, restore_network


def make_network(classes=2):
  image = tf.keras.Input([None, None, 1])
  return tf.keras.Model(image, tf.keras.layers.Conv2D(classes, 1)(image))


def make_panns():
  panns = PaNN(make_network(), make_network(), Duals(np.array([0.8, 0.2])), Objective(), seed=0)
  optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
  optimizer.build(panns.network.trainable_variables)
  panns.compile(optimizer=optimizer)
  return panns


def set_all(panns, value):
  for variable in (*panns.network.variables, *panns.teacher.variables, panns.duals.nu):
    variable.assign(tf.fill(variable.shape, value))
  panns.optimizer.iterations.assign(7)


def test_all_five_parts_come_back(tmp_path):
  saved, fresh = make_panns(), make_panns()
  set_all(saved, -3.0)
  saved.alignment.follow(tf.constant([60.0, 40.0]))
  saved.optimizer.momentums[0].assign(tf.fill(saved.optimizer.momentums[0].shape, 5.0))
  Checkpoints(saved, tmp_path).save("last", 7)
  assert Checkpoints(fresh, tmp_path).restore_latest()
  for part in (fresh.network.variables, fresh.teacher.variables, [fresh.duals.nu]):
    assert all(np.all(variable.numpy() == -3) for variable in part)
  assert int(fresh.optimizer.iterations) == 7 and np.all(fresh.optimizer.momentums[0].numpy() == 5)
  for ours, theirs in zip(saved.alignment.variables, fresh.alignment.variables):
    np.testing.assert_array_equal(ours, theirs)


def test_nothing_to_restore_is_said_by_its_result(tmp_path):
  assert not Checkpoints(make_panns(), tmp_path).restore_latest()


def test_two_of_last_are_kept_and_one_of_the_others(tmp_path):
  checkpoints = Checkpoints(make_panns(), tmp_path)
  for step in (1, 2, 3):
    checkpoints.save("last", step)
    checkpoints.save("stage1", step)
  found = {path.name for path in tmp_path.glob("*/*.index")}
  assert found == {"ckpt-2.index", "ckpt-3.index"}
  assert [path.name for path in (tmp_path / "stage1").glob("*.index")] == ["ckpt-3.index"]


def test_as_many_of_last_stay_as_asked_for_and_leftovers_of_killed_processes_go(tmp_path):
  checkpoints = Checkpoints(make_panns(), tmp_path, kept=3)
  checkpoints.save("last", 1)
  (tmp_path / "last" / ".ckpt-2.tmp").mkdir()
  (tmp_path / "last" / ".ckpt-2.tmp" / "ckpt.index").write_bytes(b"half")
  (tmp_path / "last" / "ckpt-2.data-00000-of-00001").write_bytes(b"renamed, but for the index")
  assert checkpoints.latest().endswith("ckpt-1")
  for step in (3, 4, 5):
    checkpoints.save("last", step)
  found = {path.name for path in (tmp_path / "last").iterdir()}
  assert found == {f"ckpt-{n}.{end}" for n in (3, 4, 5) for end in ("index", "data-00000-of-00001")}


def test_the_same_step_is_written_anew(tmp_path):
  panns, again = make_panns(), make_panns()
  checkpoints = Checkpoints(panns, tmp_path)
  for value in (1.0, 2.0):
    set_all(panns, value)
    checkpoints.save("last", 7)
  Checkpoints(again, tmp_path).restore_latest()
  assert all(np.all(variable.numpy() == 2) for variable in again.network.variables)


def test_a_full_disk_costs_no_checkpoint_and_is_one_line(tmp_path):
  panns = PaNN(make_network(200), make_network(200), Duals(np.array([0.8, 0.2])), Objective(), seed=0)
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1))
  checkpoints = Checkpoints(panns, tmp_path)
  checkpoints.save("last", 1)
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
  try:
    with pytest.raises(
      InputError, match=r"step 2 cannot be written \(File too large\); the last .*/ckpt-1\."
    ):
      checkpoints.save("last", 2)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert {path.stem for path in (tmp_path / "last").iterdir()} == {"ckpt-1"}
  assert checkpoints.restore_latest()


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
  (tmp_path / "last").write_text("a file is in the way")
  with pytest.raises(InputError, match=r"step 2 cannot be written .*the last good one is none yet"):
    Checkpoints(make_panns(), tmp_path).save("last", 2)


def test_a_validation_is_owed_until_made_up_for(tmp_path):
  checkpoints = Checkpoints(make_panns(), tmp_path)
  assert not checkpoints.owes_validation(4)
  checkpoints.save("last", 4)
  checkpoints.owe_validation(4)
  again = Checkpoints(make_panns(), tmp_path)
  assert again.owes_validation(4) and not again.owes_validation(3)
  again.save_if_best(4, 0.5)
  again.made_up_for(4)
  last = Checkpoints(make_panns(), tmp_path)
  last.restore_latest()
  last.save_if_best(5, 0.4)
  assert not last.owes_validation(4) and last.latest("best").endswith("ckpt-4")


def test_best_is_the_highest_also_after_a_restart(tmp_path):
  checkpoints = Checkpoints(make_panns(), tmp_path)
  for step, dice in ((1, 0.5), (2, 0.4), (3, 0.6)):
    checkpoints.save_if_best(step, dice)
  checkpoints.save("last", 3)
  assert checkpoints.latest("best").endswith("ckpt-3")
  again = Checkpoints(make_panns(), tmp_path)
  again.restore_latest()
  again.save_if_best(4, 0.55)
  again.save_if_best(5, float("nan"))
  assert again.latest("best").endswith("ckpt-3")


def test_the_network_alone_is_read_for_use(tmp_path):
  panns, network = make_panns(), make_network()
  set_all(panns, 2.0)
  Checkpoints(panns, tmp_path).save("best", 9)
  assert restore_network(network, tmp_path, "best") == 9
  assert all(np.all(variable.numpy() == 2) for variable in network.variables)


@pytest.mark.parametrize(
  "kind, hint", [("last", "train the run first"), ("best", "--validation_fraction above 0")]
)
def test_a_missing_checkpoint_says_how_to_have_one(tmp_path, kind, hint):
  with pytest.raises(InputError, match=rf"{kind}: holds no checkpoint; .*{hint}"):
    restore_network(make_network(), tmp_path, kind)


def test_a_run_without_a_finished_stage_1_lends_none(tmp_path):
  with pytest.raises(InputError, match="has no finished stage 1"):
    Checkpoints(make_panns(), tmp_path / "own").restore_stage1(tmp_path / "other" / "checkpoints")


@pytest.mark.parametrize("name", ["fold[0]", "r*n", "lr=1e-3,bs=4", "my run", "q?"])
def test_a_path_is_never_a_pattern(tmp_path, name):
  panns = make_panns()
  checkpoints = Checkpoints(panns, tmp_path / name)
  for step in (1, 2, 3):
    panns.optimizer.iterations.assign(step)
    checkpoints.save("last", step)
  assert sorted(path.name for path in (tmp_path / name / "last").iterdir() if path.suffix == ".index") == [
    "ckpt-2.index",
    "ckpt-3.index",
  ]
  again = make_panns()
  assert Checkpoints(again, tmp_path / name).restore_latest() and int(again.optimizer.iterations) == 3
  assert restore_network(make_network(), tmp_path / name) == 3


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13157860\n"


def damage(folder, ending, content=None):
  file = max(folder.glob(f"*{ending}"))
  file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)


@pytest.mark.parametrize(
  "ending, content",
  [(".data-00000-of-00001", None), (".index", None), (".data-00000-of-00001", POINTER), (".index", b"")],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_says_so(tmp_path, capsys, ending, content):
  panns = make_panns()
  checkpoints = Checkpoints(panns, tmp_path)
  for step in (4, 6):
    set_all(panns, float(step))
    checkpoints.save("last", step)
  damage(tmp_path / "last", ending, content)
  network, again = make_network(), make_panns()
  assert restore_network(network, tmp_path) == 4
  assert Checkpoints(again, tmp_path).restore_latest()
  for variable in (*network.variables, *again.network.variables, *again.teacher.variables):
    assert np.all(variable.numpy() == 4)
  said = capsys.readouterr().out
  assert said.count("ckpt-6 is damaged; the one before it, of step 4, is used") == 2


def test_if_all_are_damaged_it_is_one_line(tmp_path):
  Checkpoints(make_panns(), tmp_path).save("last", 4)
  damage(tmp_path / "last", ".index")
  for restore in (
    lambda: restore_network(make_network(), tmp_path),
    Checkpoints(make_panns(), tmp_path).restore_latest,
  ):
    with pytest.raises(InputError, match="ckpt-4: is damaged, or of another network"):
      restore()


def test_a_checkpoint_of_another_network_is_not_taken(tmp_path):
  Checkpoints(make_panns(), tmp_path).save("last", 4)
  image = tf.keras.Input([None, None, 1])
  other = tf.keras.Model(image, tf.keras.layers.Conv2D(5, 3)(image))
  with pytest.raises(InputError, match="of another network"):
    restore_network(other, tmp_path)


@pytest.mark.parametrize("part", ["network", "teacher", "momentum"])
def test_a_number_that_is_not_finite_never_gets_a_final_name(tmp_path, part):
  panns = make_panns()
  checkpoints = Checkpoints(panns, tmp_path)
  checkpoints.save("last", 1)
  variables = {
    "network": panns.network.weights,
    "teacher": panns.teacher.weights,
    "momentum": panns.optimizer.momentums,
  }
  variables[part][1].assign([0.0, np.inf])
  with pytest.raises(
    InputError, match=r"bias.* is not finite at step 2, .* last good checkpoint is .*ckpt-1"
  ):
    checkpoints.save("last", 2)
  assert {path.name.partition(".")[0] for path in (tmp_path / "last").iterdir()} == {"ckpt-1"}


def test_where_another_process_saves_nothing_is_written(tmp_path):
  Checkpoints(make_panns(), tmp_path, writes=False).save("last", 2)
  assert not list(tmp_path.iterdir())


def test_the_loss_scale_comes_back(tmp_path):
  saved, fresh = make_panns(), make_panns()
  for panns in (saved, fresh):
    panns.loss_scale = LossScale()
  saved.loss_scale.scale.assign(64.0)
  Checkpoints(saved, tmp_path).save("last", 1)
  assert Checkpoints(fresh, tmp_path).restore_latest()
  assert float(fresh.loss_scale.scale) == 64


def test_what_is_begun_holds_the_variables_of_its_step_and_has_its_name_when_waited_for(
  tmp_path, monkeypatch
):
  panns, again = make_panns(), make_panns()
  goes_on, to_disk = threading.Event(), checkpoints_module._to_disk
  monkeypatch.setattr(checkpoints_module, "_to_disk", lambda path: goes_on.wait(20) and to_disk(path))
  checkpoints = Checkpoints(panns, tmp_path)
  set_all(panns, 1.0)
  checkpoints.begin_save("last", 7)
  set_all(panns, 2.0)  # the next step
  assert not list(tmp_path.glob("last/ckpt-*"))
  goes_on.set()
  checkpoints.wait()
  assert Checkpoints(again, tmp_path).restore_latest().endswith("ckpt-7")
  assert all(np.all(variable.numpy() == 1) for variable in again.network.variables)


def test_a_disk_that_fails_afterwards_is_told_once_and_costs_no_checkpoint(tmp_path, monkeypatch):
  checkpoints = Checkpoints(make_panns(), tmp_path)
  checkpoints.save("last", 1)

  def fail(path):
    raise OSError(errno.EDQUOT, "Disk quota exceeded", str(path))

  monkeypatch.setattr(checkpoints_module, "_to_disk", fail)
  checkpoints.begin_save("last", 2)
  assert checkpoints.latest().endswith("ckpt-1")  # waits
  with pytest.raises(
    InputError, match=r"step 2 cannot be written \(Disk quota exceeded\); the last .*ckpt-1\."
  ):
    checkpoints.require_no_failure()
  checkpoints.require_no_failure()
  assert {path.stem for path in (tmp_path / "last").iterdir()} == {"ckpt-1"}
  checkpoints.begin_save("last", 3)
  with pytest.raises(InputError, match="step 3 cannot be written"):
    checkpoints.save("last", 4)


def test_the_best_score_of_another_run_is_not_taken_over_with_its_stage_1(tmp_path):
  """Its checkpoint stays there: a run that only did worse would have no best one."""
  other = Checkpoints(make_panns(), tmp_path / "other")
  other.save_if_best(3, 0.9)
  other.save("stage1", 3)
  own = Checkpoints(make_panns(), tmp_path / "own")
  own.restore_stage1(tmp_path / "other")
  own.save_if_best(4, 0.5)
  assert [path.name for path in (tmp_path / "own" / "best").glob("*.index")] == ["ckpt-4.index"]
