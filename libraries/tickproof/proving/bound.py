"""How often a clean platform may turn red, given how often it did."""

import math

CONFIDENCE = 0.95


def upper_bound(alarms: int, executions: int) -> float:
    """Return the 95 % upper bound of the rate of false alarms.

    The exact one-sided bound (Clopper and Pearson, Biometrika 26, 1934): the rate at which so few alarms in so many
    executions would be seen in 5 % of all cases. Without an alarm it is close to 3 / executions.

    Args:
        alarms: Tests that turned red.
        executions: Tests that gave a verdict.

    Example:
        >>> round(upper_bound(0, 1000), 5)
        0.00299
    """
    if executions == 0 or alarms >= executions:
        return 1.0
    low, high = alarms / executions, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        if _at_most(alarms, executions, rate) > 1 - CONFIDENCE:
            low = rate
        else:
            high = rate
    return high


def _at_most(alarms: int, executions: int, rate: float) -> float:
    """Return the chance of so many alarms at most."""
    return math.fsum(
        math.exp(
            math.lgamma(executions + 1)
            - math.lgamma(k + 1)
            - math.lgamma(executions - k + 1)
            + k * math.log(rate)
            + (executions - k) * math.log1p(-rate)
        )
        for k in range(alarms + 1)
    )
