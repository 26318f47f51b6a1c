"""Training: one loop (`loop`) for every network, and what each network trains on."""
