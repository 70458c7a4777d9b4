"""Point estimates judged: metrics, statistics over seeds, claims, baselines."""
