"""Weights that training starts from: public ImageNet ResNets, and earlier runs."""
