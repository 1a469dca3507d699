"""What it came to: labels, splits, models, calibration, explanations, bundles, tracking.

Takes features and knows no HTTP. Only `tracking` talks to MLflow.
"""
