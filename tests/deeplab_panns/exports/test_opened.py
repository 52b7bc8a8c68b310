"""Which format a path is of."""

import sys
import types

from deeplab_panns.exports import opened


def test_onnx_by_ending_or_content_and_else_a_saved_model(tmp_path, monkeypatch):
  monkeypatch.setattr(opened, "open_onnx", lambda path: f"onnx {path}")
  stand_in = types.SimpleNamespace(open_saved_model=lambda path: f"saved model {path}")
  monkeypatch.setitem(sys.modules, "deeplab_panns.exports.saved_model", stand_in)
  assert opened.open_exported("gone.onnx") == "onnx gone.onnx"
  assert opened.open_exported(tmp_path) == f"saved model {tmp_path}"
  (tmp_path / "model.onnx").touch()
  assert opened.open_exported(tmp_path) == f"onnx {tmp_path}"
