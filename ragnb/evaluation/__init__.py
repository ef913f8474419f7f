"""Evaluation: how well a pipeline finds, cites and answers, on questions whose answers are known."""
