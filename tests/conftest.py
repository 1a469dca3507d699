"""What all tests need before anything else is imported."""

import os

# OpenMP's threads wait for each other by spinning, which on a machine whose cores are busy makes
# a fit of one second take forty. Read when LightGBM is first imported, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
