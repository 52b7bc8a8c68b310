"""Trained networks in ONNX files, applied by NumPy and ONNX Runtime: imports no TensorFlow."""
