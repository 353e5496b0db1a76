"""Model files in torch, and the devices that torch computes on."""
