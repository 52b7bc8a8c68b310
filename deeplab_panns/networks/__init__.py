"""DeepLab-v3 and its layers."""
