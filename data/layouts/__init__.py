"""Public data sets as they are downloaded: which file is whose scan, which value which organ."""
