"""What can go wrong around the broker, said in one sentence."""


class BrokerError(Exception):
    """The broker cannot be prepared or started; the message tells the operator what to do."""
