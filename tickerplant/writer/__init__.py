"""Kafka to Iceberg, exactly once by (symbol, trade_id).

A poll is decoded in columns, repetitions are dropped by intervals of stored ids, and rows, source offsets and
intervals become visible in one snapshot. A restart continues from there, never from the consumer group.
"""
