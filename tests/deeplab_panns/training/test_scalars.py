"""What lands in TensorBoard: names, means over the steps since the last writing, and who writes the duals'
rate."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.prior import Prior
from deeplab_panns.method.schedules import TwoStages
from deeplab_panns.runs.experiment import Experiment, Stage2
from deeplab_panns.training.scalars import Scalars
from deeplab_panns.training.validation import Validation

PRIOR = Prior(("background", "left kidney"), (0.75, 0.25), (0.7, 0.3), 100)


def make_panns(moving=False):
  def network():
    image = tf.keras.Input([None, None, 1])
    return tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1)(image))

  return PaNN(network(), network(), Duals(np.array(PRIOR.target), moving), Objective(), seed=0)


def written(folder):
  """{tag: {step: value}} of all scalars, and the tags of pictures."""
  scalars, pictures = {}, set()
  for file in folder.iterdir():
    for event in tf.compat.v1.train.summary_iterator(str(file)):
      for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == "images":
          pictures.add(value.tag)
        else:
          scalars.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
  return scalars, pictures


def test_means_are_over_the_steps_since_the_last_writing(tmp_path):
  panns = make_panns()
  scalars = Scalars(tmp_path, panns, TwoStages((0.5, 0.1), (10, 10), "constant"), PRIOR, Experiment())
  scalars.start(0)
  for step, losses in ((2, (1.0, 3.0)), (4, (5.0, 7.0))):
    for loss in losses:
      panns.tracked["loss/labeled"].update_state(loss)
    values = scalars.write_step(step, has_partial=False)
    assert values["loss/labeled"] == pytest.approx(sum(losses) / 2)
  found, _ = written(tmp_path)
  assert found["loss/labeled"] == {2: 2.0, 4: 6.0} and found["learning_rate/theta"][4] == 0.5
  assert found["throughput/images_per_second"][2] > 0 and "loss/partial" not in found


def test_a_save_between_two_writings_restarts_the_clock_alone(tmp_path):
  panns = make_panns()
  scalars = Scalars(tmp_path, panns, TwoStages((0.5, 0.1), (10, 10), "constant"), PRIOR, Experiment())
  scalars.start(0)
  panns.tracked["loss/labeled"].update_state(1.0)
  scalars.restart_clock(1)
  panns.tracked["loss/labeled"].update_state(4.0)
  assert scalars.write_step(2, has_partial=False)["loss/labeled"] == 2.5


def test_the_priors_values_stand_by_organ(tmp_path):
  panns = make_panns()
  printed = Experiment(stage2=Stage2(objective=Objective(dual_update="sgd", learning_rate_dual=3e-5)))
  scalars = Scalars(tmp_path, panns, TwoStages((0.5, 0.1), (0, 10), "constant"), PRIOR, printed)
  scalars.start(0)
  panns.tracked_share.update_state([0.5, 0.5])
  scalars.write_step(1, has_partial=True)
  found, _ = written(tmp_path)
  assert found["prior/q/background"][1] == 0.75 and found["prior/p_bar/left_kidney"][1] == 0.5
  assert found["prior/nu/left_kidney"][1] == pytest.approx(-4) and found["prior/mu/background"][
    1
  ] == pytest.approx(-4)
  assert found["prior/kl"][1] == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
  assert found["learning_rate/dual"][1] == pytest.approx(3e-5)


def test_an_anchored_prior_is_written_as_it_moves(tmp_path):
  panns = make_panns(moving=True)
  panns.duals.prior.assign([0.5, 0.5])
  placed = Experiment(stage2=Stage2(objective=Objective(anchored_prior=True)))
  scalars = Scalars(tmp_path, panns, TwoStages((0.5, 0.1), (0, 10), "constant"), PRIOR, placed)
  scalars.start(0)
  panns.tracked_share.update_state([0.5, 0.5])
  scalars.write_step(1, has_partial=True)
  found, _ = written(tmp_path)
  assert found["prior/q/background"][1] == 0.5 and found["prior/kl"][1] == pytest.approx(0)


def test_newtons_rate_is_its_step(tmp_path):
  newton = Experiment(stage2=Stage2(objective=Objective(dual_step=0.2)))
  scalars = Scalars(tmp_path, make_panns(), TwoStages((1.0, 1.0), (0, 1), "constant"), PRIOR, newton)
  scalars.start(0)
  assert scalars.write_step(1, has_partial=True)["learning_rate/dual"] == pytest.approx(0.2)


def test_a_validation_leaves_out_organs_that_no_case_has(tmp_path):
  scalars = Scalars(tmp_path, make_panns(), TwoStages((1.0, 1.0), (0, 1), "constant"), PRIOR, Experiment())
  dice = {"left kidney": 0.25, "liver": 0.75, "spleen": float("nan")}
  scalars.write_validation(3, Validation(dice, np.zeros([2, 4, 6, 3], np.uint8)))
  found, pictures = written(tmp_path)
  assert found["validation/dice/left_kidney"] == {3: 0.25} and found["validation/dice/mean"] == {3: 0.5}
  assert "validation/dice/spleen" not in found and pictures == {"overlay/image_reference_prediction"}
