"""Put one process together from one zone and its adapters. The only place that may."""
