"""Do the tests hold their level, and do the intervals cover? By simulation, where the truth is known.

    python -m benchmarks.calibration > benchmarks/calibration.md

Exits with 1 where one does not.
"""
