"""One module a file format: `claims`, `files`, `header` and `voxels`, all functions of a path."""
