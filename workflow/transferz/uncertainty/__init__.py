"""Redshift distributions: scores, calibration, incomplete photometry."""
