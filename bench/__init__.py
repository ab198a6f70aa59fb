"""Measurements of the running dashboard against the goals set for it: `python -m bench`, or `make bench`.

`__main__` runs the parts and writes `results/`; each part is a module of its own that returns `report.Figure`s.
"""
