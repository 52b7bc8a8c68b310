"""Where the replicas of a run are: a device, several of a host, several hosts, a TPU; and how they agree."""
