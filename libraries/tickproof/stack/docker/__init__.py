"""The Docker driver: the same supervisor, but the compose file's services are containers."""
