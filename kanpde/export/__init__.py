"""Arrays in, files out: VTK for ParaView, HDF5 for xarray."""

from kanpde.export.hdf5 import (
    read_attributes,
    stream_grid_field,
    stream_point_field,
    write_grid_field,
    write_point_field,
)
from kanpde.export.meshes import MeshFile, read_mesh_file
from kanpde.export.names import field_name
from kanpde.export.pieces import GridMesh, Mesh, MeshArrays, ranges
from kanpde.export.vtk import (
    grid_mesh,
    stream_time_series,
    stream_vtu,
    write_pvd,
    write_time_series,
    write_vtu,
)
from kanpde.export.vtkhdf import stream_vtkhdf, write_vtkhdf

__all__ = [
    "GridMesh",
    "Mesh",
    "MeshArrays",
    "MeshFile",
    "field_name",
    "grid_mesh",
    "ranges",
    "read_attributes",
    "read_mesh_file",
    "stream_grid_field",
    "stream_point_field",
    "stream_time_series",
    "stream_vtkhdf",
    "stream_vtu",
    "write_grid_field",
    "write_point_field",
    "write_pvd",
    "write_time_series",
    "write_vtkhdf",
    "write_vtu",
]
