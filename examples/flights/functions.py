"""Functions of our own that features use. They stand apart from the estimator: serving loads this file alone."""

import numpy as np


def plane_age(scheduled, built):
    """Age of the aircraft in years, as of the scheduled departure (microseconds since 1970)."""
    year = scheduled.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    return year - built
