"""The machine that moves: how it boots, what runs in it, and how to speak to it."""
