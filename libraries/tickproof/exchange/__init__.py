"""The simulated exchange: plans, frames, and the process that plays them."""
