"""What every stage uses: errors, logs, progress, and the files that a run makes."""
