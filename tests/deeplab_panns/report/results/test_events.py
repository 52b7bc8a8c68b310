"""Scalars of event files, of interrupted runs too."""

import pytest
import tensorflow as tf

from deeplab_panns.report.results.events import read_scalars


def write(folder, begun, steps, more=0.0):
  """One event file whose name says the second in which it was begun."""
  writer = tf.summary.create_file_writer(str(folder / "new"))
  with writer.as_default():
    for step in steps:
      tf.summary.scalar("loss", step + more, step)
  writer.close()
  (file,) = (folder / "new").iterdir()
  return file.rename(folder / f"events.out.tfevents.{begun}.host.1.0.v2")


def test_the_later_file_counts_where_both_tell_of_a_step(tmp_path):
  write(tmp_path, 1700000002, range(3, 7), more=10)
  write(tmp_path, 1700000001, range(1, 5))
  assert read_scalars(tmp_path) == {"loss": ((1, 2, 3, 4, 5, 6), (1, 2, 13, 14, 15, 16))}


def test_a_file_that_breaks_off_gives_what_it_has(tmp_path):
  write(tmp_path, 1700000001, range(1, 3))
  broken = write(tmp_path, 1700000002, range(3, 7))
  broken.write_bytes(broken.read_bytes()[:-10])
  assert read_scalars(tmp_path)["loss"][0] == (1, 2, 3, 4, 5)


def test_pictures_are_no_scalars(tmp_path):
  with tf.summary.create_file_writer(str(tmp_path)).as_default():
    tf.summary.image("overlay", tf.zeros((1, 4, 4, 3)), 5)
    tf.summary.scalar("learning_rate/theta", 0.25, 5)
  assert read_scalars(tmp_path) == {"learning_rate/theta": ((5,), (0.25,))}


@pytest.mark.parametrize("name", ["gone", "."])
def test_without_files_there_is_nothing(tmp_path, name):
  assert read_scalars(tmp_path / name) == {}
