"""Files of images and label maps: reading, orienting, writing."""
