"""A full disk is one line."""

import resource

import pytest
import tensorflow as tf

from deeplab_panns.runs.event_files import EventsNotWritten, written


def test_a_full_disk_is_one_line(tmp_path):
  writer = tf.summary.create_file_writer(str(tmp_path))
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
  try:
    with (
      pytest.raises(EventsNotWritten, match=r"events cannot be written \(File too large\); make room"),
      written(tmp_path),
      writer.as_default(),
    ):
      for step in range(100):
        tf.summary.scalar("a scalar of a long name", 1.0, step=step)
      writer.flush()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
