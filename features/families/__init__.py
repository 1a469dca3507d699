"""The features by business theme.

Each family declares the names of its columns and writes their values for one snapshot; NaN where a
value is not given, a category as its code. Those over activities share one walk (`activities.py`).
"""
