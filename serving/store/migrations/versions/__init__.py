"""How the store's tables came to be, step by step; each step is frozen once it is released."""
