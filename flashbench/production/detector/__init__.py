"""The reference detector: parametrised, tuned to public CMS figures, in a full and a fast grade.

It is not CMS FullSim. Its steps, each a small pure function of tables, parameters and a random generator:
`pileup` → `decays` → `tracking` → `calorimeter` → `candidates` → `jets` → `tags` and `muons`; `chain` composes them,
`grades` holds every number that differs between the two grades.
"""
