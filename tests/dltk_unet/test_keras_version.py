"""Keras 2 passes; Keras 3, and none, are refused in one line that says what to do."""

import types

import pytest
import tensorflow as tf

from dltk_unet.keras_version import require_keras_2


def test_the_keras_of_this_environment_is_keras_2():
  require_keras_2()
  assert not hasattr(tf.keras, "ops")  # these came with Keras 3


def test_keras_3_is_refused(monkeypatch):
  monkeypatch.setattr(tf, "keras", types.SimpleNamespace(__version__="3.5.0"))
  with pytest.raises(ImportError, match=r"^tf\.keras is Keras 3\.5\.0, .*TF_USE_LEGACY_KERAS=1\.$"):
    require_keras_2()


def test_no_keras_is_refused(monkeypatch):
  class Missing:
    def __getattr__(self, _):
      raise ImportError("Keras cannot be imported.")

  monkeypatch.setattr(tf, "keras", Missing())
  with pytest.raises(ImportError, match=r"finds no Keras 2: install tf_keras"):
    require_keras_2()
