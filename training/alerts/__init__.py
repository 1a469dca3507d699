"""Alerts: rules declared once, for the present (`serving.alerts`) and for their record on the past."""
