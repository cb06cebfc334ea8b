"""The feed: trades of a Binance-like venue, from its WebSocket into Kafka, with gaps repaired over its REST."""
