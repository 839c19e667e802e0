"""Eyes: put bound questions to the metrics and say what they are evidence of, or that they are evidence of nothing."""
