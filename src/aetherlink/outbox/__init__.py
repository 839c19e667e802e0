"""Delivery: tells channels outside what the timelines say, each incident in order, nothing lost or said twice."""
