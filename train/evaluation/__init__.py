"""Error rates of a run or a bundle, and its model card."""
