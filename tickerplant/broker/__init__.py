"""A real Apache Kafka broker from its published jars: fetched once, verified, started in about a second."""
