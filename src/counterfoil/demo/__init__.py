"""The vendors' emulators all together, and the demonstration that runs the product against them."""
