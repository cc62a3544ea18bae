"""The kit and the server of the vendor emulators."""
