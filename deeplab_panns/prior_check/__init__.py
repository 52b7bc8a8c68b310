"""Whether organs take the share of partial scans that the prior says."""
