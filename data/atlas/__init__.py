"""Where organs lie: an atlas of the labelled cases, and its place in a scan that annotates some organs."""
