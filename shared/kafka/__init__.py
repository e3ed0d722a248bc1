"""The only package that speaks to Kafka: reading, publishing, topics and dead letters."""
