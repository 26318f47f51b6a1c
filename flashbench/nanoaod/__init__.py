"""Read and write NanoAOD, a block of entries at a time.

What to use when: `open_source` to look at a file, `plan_blocks` to cut files into blocks, `load_block` to read one,
`write_events` to write a TTree that ROOT-style readers understand.

TTree and RNTuple of NanoAOD v5–v15 are read, and what `flashbench.formats` reads; TTree is written
(`uproot.WritableDirectory.mktree`: plain assignment writes RNTuple since uproot 5.7). A local path, a glob or, with
`fsspec-xrootd` installed, a `root://` address names a file.
"""

from flashbench.nanoaod.reading import Loaded, assemble, load_block
from flashbench.nanoaod.sources import Block, Source, expand, infer_version, open_source, plan_blocks, require
from flashbench.nanoaod.writing import write_events

__all__ = [
    "Block",
    "Loaded",
    "Source",
    "assemble",
    "expand",
    "infer_version",
    "load_block",
    "open_source",
    "plan_blocks",
    "require",
    "write_events",
]
