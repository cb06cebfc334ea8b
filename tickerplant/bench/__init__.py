"""Figures of the tickerplant's own services, measured without the rest of the stack."""
