"""All faults of a data set at once: what loading refuses, and what it cannot see."""
