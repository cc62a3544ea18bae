"""The banks, brokers and payment companies that can be read."""
