"""Training of flashbench's networks: tables from NanoAOD, one loop, recipes.

What to use when: `extraction.extract` for tables, `flash.train_flash` for all of FlashSim.
"""
