"""Memory of a network by its graph, and of the machine by the system's files."""

import pytest
import tensorflow as tf

from deeplab_panns.segmentation import pixels_at_once as module
from deeplab_panns.segmentation.pixels_at_once import (
  available_bytes,
  bytes_per_pixel,
  chosen_memory_bytes,
  pixels_at_once,
)


def network(filters):
  image = tf.keras.Input([None, None, 3])
  features = tf.keras.layers.Conv2D(filters, 3, padding="same")(image)
  return tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1)(features))


def test_the_largest_sum_of_what_is_needed_at_a_time():
  # Where the bias is added, the features stand twice: 2 x 100 channels of 4 bytes, and half as much again.
  assert bytes_per_pixel(network(100), 3) == pytest.approx(1.5 * 2 * 100 * 4, rel=0.05)
  assert pixels_at_once(network(100), 3, 1.2e9) == pytest.approx(1e6, rel=0.05)
  assert pixels_at_once(network(100), 3, 1.0) == 2**16  # a slice has to be computed whatever there is


def write(root, path, content):
  (root / path).parent.mkdir(parents=True, exist_ok=True)
  (root / path).write_text(content)


def test_what_is_available_is_the_least_of_what_the_system_says(tmp_path):
  assert available_bytes(tmp_path) is None
  write(tmp_path, "proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
  assert available_bytes(tmp_path) == 4000 * 1024
  write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
  write(tmp_path, "sys/fs/cgroup/memory.current", "1000\n")
  assert available_bytes(tmp_path) == 4000 * 1024
  write(tmp_path, "sys/fs/cgroup/memory.max", "3000\n")
  assert available_bytes(tmp_path) == 2000
  write(tmp_path, "sys/fs/cgroup/memory.current", "5000\n")
  assert available_bytes(tmp_path) == 0


def test_what_is_said_comes_before_what_is_free(monkeypatch):
  monkeypatch.setattr(module, "available_bytes", lambda: 8_000)
  assert chosen_memory_bytes(None) == 4_000 and chosen_memory_bytes(1.5) == 1.5e9
  monkeypatch.setattr(module, "available_bytes", lambda: None)
  assert chosen_memory_bytes(None) is None
