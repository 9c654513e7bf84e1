"""Arrays in, files out: VTK for ParaView, HDF5 for xarray."""

from kanpde.export.hdf5 import read_attributes, write_grid_field, write_point_field
from kanpde.export.meshes import MeshFile, read_mesh_file
from kanpde.export.names import field_name
from kanpde.export.vtk import grid_mesh, write_pvd, write_time_series, write_vtu
from kanpde.export.vtkhdf import write_vtkhdf

__all__ = [
    "MeshFile",
    "field_name",
    "grid_mesh",
    "read_attributes",
    "read_mesh_file",
    "write_grid_field",
    "write_point_field",
    "write_pvd",
    "write_time_series",
    "write_vtkhdf",
    "write_vtu",
]
