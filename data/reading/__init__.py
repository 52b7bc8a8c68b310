"""A scan or label map of whatever format, read as one volume; whether it can be a CT in HU."""
