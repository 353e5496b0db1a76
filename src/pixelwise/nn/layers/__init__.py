"""The operations of segmentation nets: convolution, down-sampling and up-sampling."""

from pixelwise.nn.layers.convolution import (
    depthwise_convolution,
    depthwise_separable_convolution,
    dilated_convolution,
    span,
)
from pixelwise.nn.layers.deconvolution import convolution_matrix, convolve_circular, deconvolve, deconvolve_circular
from pixelwise.nn.layers.pooling import average_pool, max_pool, max_pool_with_indices
from pixelwise.nn.layers.unpooling import bed_of_nails, max_unpool, nearest_unpool
from pixelwise.nn.layers.upsampling import BilinearUpsampling, bilinear_interpolation, bilinear_kernel

__all__ = [
    "BilinearUpsampling",
    "average_pool",
    "bed_of_nails",
    "bilinear_interpolation",
    "bilinear_kernel",
    "convolution_matrix",
    "convolve_circular",
    "deconvolve",
    "deconvolve_circular",
    "depthwise_convolution",
    "depthwise_separable_convolution",
    "dilated_convolution",
    "max_pool",
    "max_pool_with_indices",
    "max_unpool",
    "nearest_unpool",
    "span",
]
